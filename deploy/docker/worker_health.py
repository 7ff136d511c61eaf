"""Whether a worker in a container works. Docker asks with `python -m deploy.docker.worker_health PORT`, the port of its metrics.

It is healthy while everything that it needs answers. One that waits for a server needs no restart: it goes on by itself.
"""

from __future__ import annotations

import http.client
import json
import sys
from typing import Any

from shared.errors import DependencyAway

TIMEOUT = 5.0  # seconds


def missing(ready: dict[str, Any]) -> list[str]:
    """What a worker lacks by its own words, the answer of /health/ready: each part with its error."""
    return [
        f"{part['part']}: {part['error']}" for part in ready["parts"] if not part["ok"] and part.get("needed", True)
    ]


def check(port: int) -> None:
    """Raises DependencyAway, with the reason, where the worker on this machine does not work."""
    asked = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT)
    try:
        asked.request("GET", "/health/ready")
        answer = asked.getresponse()
        ready = json.load(answer)
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise DependencyAway(f"nothing answers at port {port}: the worker has ended, or hangs") from error
    finally:
        asked.close()
    if not ready["ready"]:
        raise DependencyAway("; ".join(missing(ready)))


def main() -> None:
    """Entry point of the health check."""
    try:
        check(int(sys.argv[1]))
    except DependencyAway as error:
        sys.exit(error.message)
    print("works")


if __name__ == "__main__":
    main()
