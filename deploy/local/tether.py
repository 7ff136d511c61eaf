"""Becomes a command that dies with the process that started it, however that one ends.

`python -I -S tether.py PARENT_PID COMMAND...` costs milliseconds. The kernel sends the death signal when the *thread*
that started it ends, so the caller must use a thread that lives as long as itself (prctl(2), PR_SET_PDEATHSIG).
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1  # <linux/prctl.h>


def main() -> None:
    """Ask for the death signal, then replace this process by the command. Exits with 127 if it cannot be run."""
    parent, command = int(sys.argv[1]), sys.argv[2:]
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL) != 0:
        sys.exit(f"prctl failed: {os.strerror(ctypes.get_errno())}")
    # The parent may have died before the signal was asked for: then nobody would ever send it.
    if os.getppid() != parent:
        sys.exit("the process that started this one is gone")
    try:
        os.execvp(command[0], command)
    except OSError as error:
        print(f"{command[0]}: {error.strerror}", file=sys.stderr)
        sys.exit(127)


if __name__ == "__main__":
    main()
