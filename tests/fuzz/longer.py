"""`make fuzz MINUTES=10`: the tests of this folder again and again, with other and more inputs each time."""

from __future__ import annotations

import subprocess
import sys
import time


def main() -> None:
    """Runs until the first failure, whose input Hypothesis prints, or for the minutes that are given."""
    minutes = float(sys.argv[1])
    ends, seed = time.monotonic() + 60 * minutes, time.time_ns() % 1_000_000
    rounds = 0
    while time.monotonic() < ends:
        command = [sys.executable, "-m", "pytest", "tests/fuzz", "-k", "whatever", "-x", "--hypothesis-profile=fuzz",
                   f"--hypothesis-seed={seed + rounds}"]  # fmt: skip
        if subprocess.run(command).returncode:
            sys.exit(f"an input was found with the seed {seed + rounds}")
        rounds += 1
    print(f"{rounds} rounds in {minutes:g} minutes, nothing was found")


if __name__ == "__main__":
    main()
