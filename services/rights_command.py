"""`adrwatch rights`: what each worker may do at Kafka and Redis, and what gives it to a user of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from shared.errors import AdrwatchError

HEAD = """# Rights of the workers

Made by `adrwatch rights table`, from the table in `shared/rights.py` by which a worker looks at its rights as it
starts. How they are given: [security](runbooks/security.md). Names of topics, groups and keys follow the prefixes of your
settings; `*` stands for all that begin so. A topic that is *looked at* is asked for its ends only.

| worker | user | reads | writes | looks at | reads in the groups | asks after the groups | Redis |
|---|---|---|---|---|---|---|---|
"""
TAIL = """
Commands that people run (`adrwatch ingest replay`, `topics apply`, `delete`, `dead-letters`, `reconcile` …) run as the
operator's user: all operations on topics and groups that begin with the prefix, and on Redis the commands of `alerting`.
"""

group = typer.Typer(help="What each worker may do at Kafka and Redis (docs/rights.md).", no_args_is_help=True)
Worker = Annotated[str | None, typer.Argument(help="one worker [default: all]")]


def register(app: typer.Typer) -> None:
    """Add the group; its commands are added once, when this module is read."""
    app.add_typer(group, name="rights")


@group.command()
def kafka(worker: Worker = None) -> None:
    """Print a script that gives each worker's user its rights at Kafka; its arguments say which broker, and who gives them.

    Example: adrwatch rights kafka alerting > rights.sh
    """
    from shared.rights import kafka_commands
    from shared.settings import load

    prefix = load().topic_prefix
    typer.echo(
        "#!/bin/sh\n# Usage: rights.sh --bootstrap-server HOST:PORT --command-config operator.properties\nset -eu"
    )
    for name in _chosen(worker):
        for line in kafka_commands(name, prefix):
            typer.echo(line)


@group.command()
def redis(
    passwords: Annotated[
        Path, typer.Option(help="folder with a file for each worker, called as it is, that holds its password")
    ],
    worker: Worker = None,
) -> None:
    """Print the users of the workers for Redis's file of users (`aclfile`), with hashes of their passwords.

    Example: adrwatch rights redis --passwords passwords > users.acl
    """
    import hashlib

    from shared.rights import WORKERS, redis_line
    from shared.secret_file import handed_out
    from shared.settings import load

    prefix = load().redis_prefix
    # Without this line everybody is the user `default`, who may do everything.
    typer.echo("user default off")
    for name in _chosen(worker):
        if WORKERS[name].redis:
            password = handed_out(f"password of {name}", passwords / name)
            typer.echo(redis_line(name, prefix, hashlib.sha256(password.encode()).hexdigest()))


@group.command()
def table() -> None:
    """Print the page of the docs that lists all rights.

    Example: adrwatch rights table > docs/rights.md
    """
    typer.echo(page(), nl=False)


def page() -> str:
    """The page: a line for each worker."""
    from shared.rights import WORKERS, user

    lines = []
    for name, rights in WORKERS.items():
        topics = [
            ", ".join(f"`{topic.suffix}`" for topic in kind) for kind in (rights.reads, rights.writes, rights.looks)
        ]
        groups = [", ".join(f"`{one}`" for one in kind) for kind in (rights.groups, rights.asks)]
        cells = (f"`{name}`", f"`{user(name)}`", *topics, *groups, " ".join(f"`{one}`" for one in rights.redis))
        lines.append("| " + " | ".join(cell or "–" for cell in cells) + " |\n")
    return HEAD + "".join(lines) + TAIL


def _chosen(worker: str | None) -> list[str]:
    from shared.rights import WORKERS

    if worker is not None and worker not in WORKERS:
        raise AdrwatchError(f"there is no worker {worker}", fix=f"one of {', '.join(WORKERS)}")
    return list(WORKERS) if worker is None else [worker]
