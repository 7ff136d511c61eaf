"""Whether a worker in a container works. Docker asks with `python -m deploy.docker.worker_health PORT`, the port of its metrics.

A worker opens that port once it has found its topics and its models. From then on it is healthy while no stage waits for a
server that is away; such a worker needs no restart, it goes on when the server is back.
"""

from __future__ import annotations

import sys
import urllib.request

from prometheus_client.parser import text_string_to_metric_families

from shared.errors import DependencyAway
from shared.metrics import DEPENDENCY_UP

TIMEOUT = 5.0  # seconds
_DEPENDENCY_UP = next(iter(DEPENDENCY_UP.collect())).name


def waiting_stages(metrics: str) -> list[str]:
    """The stages whose last call did not find its server, from metrics in Prometheus's text format."""
    return sorted(
        sample.labels["stage"]
        for family in text_string_to_metric_families(metrics)
        if family.name == _DEPENDENCY_UP
        for sample in family.samples
        if sample.value == 0
    )


def check(port: int) -> None:
    """Raises DependencyAway, with the reason, where the worker on this machine does not work."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=TIMEOUT) as answer:
            metrics = answer.read().decode()
    except OSError as error:
        raise DependencyAway(
            f"no metrics at port {port}: the worker has ended or still looks for its servers"
        ) from error
    if waiting := waiting_stages(metrics):
        raise DependencyAway(f"waiting for a server that does not answer: {', '.join(waiting)}")


def main() -> None:
    """Entry point of the health check."""
    try:
        check(int(sys.argv[1]))
    except DependencyAway as error:
        sys.exit(error.message)
    print("works")


if __name__ == "__main__":
    main()
