"""Outlives the launcher by a moment: kills the process groups that it still had when it ended, however it ended.

The death signal of `tether.py` reaches only the launcher's own children. A killed Triton leaves its backend processes
running, so the launcher names each group on this guard's standard input (`+ID` while it lives, `-ID` once it has been
stopped); the end of that input is the end of the launcher. Runs by path with `python -I -S`.
"""

import os
import signal
import sys


def main() -> None:
    """Read until the launcher is gone, then kill what it left."""
    # A Ctrl-C or hang-up in the terminal is for the launcher, which stops everything in order.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    groups = set()
    for line in sys.stdin:
        group = int(line[1:])
        groups.add(group) if line[0] == "+" else groups.discard(group)
    for group in groups:
        try:
            os.killpg(group, signal.SIGKILL)
        except ProcessLookupError:
            continue


if __name__ == "__main__":
    main()
