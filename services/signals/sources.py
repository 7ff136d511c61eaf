"""Reports of several sources, counted as the same pairs: in DuckDB, so that memory is bounded and the rest goes to disk."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb
import numpy as np

from services.signals.reading import column_names, report_rows
from shared.duckdb_rows import Batches
from shared.errors import AdrwatchError
from shared.events import UNMAPPED
from shared.signals.beside import COMBINED, Source
from shared.signals.measures import Counts

_NAME = re.compile(r"[a-z][a-z0-9_]{0,30}")
_TOLD = 1_000_000
_COUNTED = """
CREATE TEMP TABLE named AS
SELECT DISTINCT source, report, d.name AS drug, x.name AS reaction
FROM raw JOIN names AS d ON d.kind = 'drug' AND d.written = raw.drug
         JOIN names AS x ON x.kind = 'reaction' AND x.written = raw.reaction;
CREATE TEMP TABLE pairs AS SELECT source, drug, reaction, count(*) AS n FROM named GROUP BY ALL;
CREATE TEMP TABLE of_drug AS SELECT source, drug, count(DISTINCT report) AS n FROM named GROUP BY ALL;
CREATE TEMP TABLE of_reaction AS SELECT source, reaction, count(DISTINCT report) AS n FROM named GROUP BY ALL;
CREATE TEMP TABLE every AS SELECT DISTINCT drug, reaction FROM pairs WHERE reaction <> $unmapped AND drug <> $unmapped;
"""
_CODES = """
SELECT dense_rank() OVER (ORDER BY drug) - 1 AS drug, dense_rank() OVER (ORDER BY reaction) - 1 AS reaction
FROM every ORDER BY every.drug, every.reaction
"""
_OF_ONE = """
SELECT coalesce(p.n, 0) AS a, coalesce(d.n, 0) AS drug, coalesce(x.n, 0) AS reaction
FROM every
LEFT JOIN pairs AS p ON p.source = $source AND p.drug = every.drug AND p.reaction = every.reaction
LEFT JOIN of_drug AS d ON d.source = $source AND d.drug = every.drug
LEFT JOIN of_reaction AS x ON x.source = $source AND x.reaction = every.reaction
ORDER BY every.drug, every.reaction
"""
# What a name of a drug or a reaction (`kind`) stands for, so that sources that spell it otherwise mean the same.
Meaning = Callable[[str, str], str]
Say = Callable[[str], None]


@dataclass(frozen=True)
class Given:
    """A source on the command line: its name, its file, and what the file calls its columns."""

    name: str
    path: Path
    columns: Mapping[str, str]


@dataclass(frozen=True)
class Counted:
    """The pairs that any source has, by name, and each source's counts of them."""

    drugs: Sequence[str]
    reactions: Sequence[str]
    drug: Counts
    reaction: Counts
    sources: Sequence[Source]


def given(arguments: Sequence[str], columns: Sequence[str]) -> list[Given]:
    """Sources as they are written, `posts=mentions.jsonl`; `columns` as `posts:report=ID,drug=NAME`, or for all without a name.

    Raises AdrwatchError for names that are none, that come twice or that nothing has.
    """
    paths: dict[str, Path] = {}
    for argument in arguments:
        name, _, path = argument.partition("=")
        if not path or not _NAME.fullmatch(name) or name == COMBINED:
            raise AdrwatchError(
                f"{argument} is no source",
                fix="write name=file in small letters: posts=mentions.jsonl faers=background.duckdb",
            )
        if name in paths:
            raise AdrwatchError(f"two sources are called {name}", fix="give each a name of its own")
        paths[name] = Path(path)
    if len(paths) < 2:
        raise AdrwatchError(
            "one source has nothing beside it", fix="give two at least, or see `adrwatch signals table`"
        )
    of: dict[str, str] = {}
    for text in columns:
        name, colon, theirs = text.partition(":")
        if colon and name not in paths:
            raise AdrwatchError(f"--columns is for {name}, which is no source", fix=f"sources are {', '.join(paths)}")
        of |= {name: theirs} if colon else dict.fromkeys(paths, text)
    return [Given(name, path, column_names(of.get(name))) for name, path in paths.items()]


def count(sources: Sequence[Given], meaning: Meaning, memory: str, say: Say) -> Counted:
    """Read all sources and count. A report counts once for a pair, however many rows or spellings it has.

    Raises AdrwatchError as `reading` does, and where memory or disk do not do.
    """
    with _database(memory) as connection:
        connection.execute("CREATE TEMP TABLE raw (source BIGINT, report TEXT, drug TEXT, reaction TEXT)")
        connection.execute("CREATE TEMP TABLE names (kind TEXT, written TEXT, name TEXT)")
        batches, known = Batches(connection), set()
        for number, source in enumerate(sources):
            for read, (report, *pair) in enumerate(report_rows(source.path, source.columns), 1):
                batches.add("raw", str(number), report, *pair)
                for kind, written in zip(("drug", "reaction"), pair, strict=True):
                    if (kind, written) not in known:
                        known.add((kind, written))
                        batches.add("names", kind, written, meaning(kind, written))
                if not read % _TOLD:
                    say(f"{source.name}: {read:,} rows")
        batches.flush()
        for statement in _COUNTED.strip().split(";")[:-1]:
            connection.execute(statement, {"unmapped": UNMAPPED} if "$unmapped" in statement else {})
        codes = connection.execute(_CODES).fetchnumpy()
        drug, reaction = (np.asarray(codes[name], dtype=np.int64) for name in ("drug", "reaction"))
        drugs, reactions = (
            [name for (name,) in connection.execute(f"SELECT DISTINCT {column} FROM every ORDER BY 1").fetchall()]
            for column in ("drug", "reaction")
        )
        found = [_source(connection, number, source.name) for number, source in enumerate(sources)]
    return Counted(drugs, reactions, drug, reaction, found)


def _source(connection: duckdb.DuckDBPyConnection, number: int, name: str) -> Source:
    [total] = connection.execute("SELECT count(DISTINCT report) FROM named WHERE source = ?", [number]).fetchone() or [
        0
    ]
    counts = connection.execute(_OF_ONE, {"source": number}).fetchnumpy()
    return Source(name, total, *(np.asarray(counts[each], dtype=np.int64) for each in ("a", "drug", "reaction")))


@contextmanager
def _database(memory: str) -> Iterator[duckdb.DuckDBPyConnection]:
    """One that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="adrwatch-") as folder, duckdb.connect() as connection:
        try:
            connection.execute("SET memory_limit = ?", [memory])
        except duckdb.Error:
            raise AdrwatchError(f"{memory} is no amount of memory", fix="write it as 2GB or 500MB") from None
        connection.execute("SET temp_directory = ?", [folder])
        try:
            yield connection
        except (duckdb.OutOfMemoryException, duckdb.IOException) as error:
            raise AdrwatchError(
                f"the sources cannot be counted: {error}", fix="give more --memory, or point TMPDIR to a disk with room"
            ) from None
