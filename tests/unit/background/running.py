"""The commands of `adrwatch background`, and what a store holds after them."""

from __future__ import annotations

import json
from pathlib import Path

import duckdb
from typer.testing import CliRunner, Result

from services.cli import build


def adrwatch(*arguments: object) -> Result:
    """A command of the group; its errors are raised."""
    done = CliRunner().invoke(build(), ["background", *map(str, arguments)])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done


def load(store: Path, *arguments: object) -> list[dict]:
    """What `import` says of each import."""
    done = adrwatch("import", *arguments, "--store", store, "--json")
    assert done.exit_code == 0, done.output
    return [json.loads(line) for line in done.stdout.splitlines()]


def held(store: Path, query: str) -> list[tuple]:
    """The rows of a query on the store."""
    with duckdb.connect(str(store), read_only=True) as connection:
        return connection.execute(query).fetchall()


def add_up(found: dict) -> bool:
    """Whether no line and no report is lost."""
    return (
        found["lines"] == found["read"] + found["other"] + found["rejected"]
        and found["read"] == found["kept"] + found["superseded"] + found["nullified"]
    )
