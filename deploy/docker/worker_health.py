"""Whether a worker in a container works. Docker asks with `python -m deploy.docker.worker_health PORT`, the port of its metrics.

It is healthy while everything that it needs answers. One that waits for a server needs no restart: it goes on when the server is back.
"""

from __future__ import annotations

import json
import sys
import urllib.error
import urllib.request
from typing import Any

from shared.errors import DependencyAway

TIMEOUT = 5.0  # seconds


def missing(ready: dict[str, Any]) -> list[str]:
    """What a worker lacks by its own words, the answer of /health/ready: each part with its error."""
    return [f"{part['part']}: {part['error']}" for part in ready["parts"] if not part["ok"] and part.get("needed", True)]


def check(port: int) -> None:
    """Raises DependencyAway, with the reason, where the worker on this machine does not work."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health/ready", timeout=TIMEOUT):
            return
    except urllib.error.HTTPError as refused:
        raise DependencyAway("; ".join(missing(json.load(refused)))) from None
    except OSError as error:
        raise DependencyAway(f"nothing answers at port {port}: the worker has ended, or hangs") from error


def main() -> None:
    """Entry point of the health check."""
    try:
        check(int(sys.argv[1]))
    except DependencyAway as error:
        sys.exit(error.message)
    print("works")


if __name__ == "__main__":
    main()
