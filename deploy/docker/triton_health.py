"""Whether Triton in a container works: every model answers an inference. Docker asks with `python -m deploy.docker.triton_health`.

A model whose process died is loaded again, as the local launcher does: Triton itself stays ready without it, and Docker
restarts no container for being unhealthy. Exit status 1, with the reason, where a model still does not answer. Kubernetes, which
starts such a container again, asks with `--slow-is-alive`: a server that is behind would only be further behind.
"""

from __future__ import annotations

import argparse
import sys

from deploy.local.triton_canary import CanaryError, ask, connected, revive, served_models
from shared.errors import DependencyAway

ADDRESS = "127.0.0.1:8001"


def check(address: str, slow_is_alive: bool = False, authorities: str | None = None) -> list[str]:
    """Ask every model of the server at host:port; the models that had to be loaded again. Raises DependencyAway.

    `authorities`: the file of those who vouch for a server that encrypts.

    A model that is only slow has batches in flight and is left alone; with `slow_is_alive` it is no reason to raise either.
    """
    revived = []
    options = {"ssl": True, "root_certificates": authorities} if authorities else {}
    with connected(address, options) as client:
        models = served_models(client)
        if not models:
            raise DependencyAway("the server has no model")
        for model in models:
            try:
                ask(client, model)
            except CanaryError as error:
                if error.timed_out and slow_is_alive:
                    continue
                if error.timed_out:
                    raise
                revive(client, model)
                revived.append(model)
    return revived


def main() -> None:
    """Entry point of the health check."""
    parser = argparse.ArgumentParser(description="Ask every model of Triton for an answer.")
    parser.add_argument("address", nargs="?", default=ADDRESS, help="host:port of its gRPC")
    parser.add_argument("authorities", nargs="?", help="file of those who vouch for a server that encrypts")
    parser.add_argument("--slow-is-alive", action="store_true", help="fail for models only that cannot be mended")
    given = parser.parse_args()
    try:
        revived = check(given.address, given.slow_is_alive, given.authorities)
    except DependencyAway as error:
        sys.exit(error.message)
    print(f"loaded again: {', '.join(revived)}" if revived else "every model answers")


if __name__ == "__main__":
    main()
