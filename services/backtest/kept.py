"""What the topics would hold after a run: the last outcome of each post, mentions by id, dead letters. No text is in it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from services.ingest.source import Reject
from shared.events import Mention, Outcome, decode
from shared.scratch import Scratch, room
from shared.signals.reports import labels_of, row_of
from shared.signals.windows import Row, to_ms
from shared.stream import Output
from shared.topics import DEAD_LETTERS, MENTIONS, OUTCOMES

_CACHE_KIB = 64 * 1024
_TABLES = f"""
PRAGMA cache_size = -{_CACHE_KIB};
CREATE TABLE outcomes (id TEXT PRIMARY KEY, at INTEGER, status TEXT, paired INTEGER, record BLOB);
CREATE INDEX reports ON outcomes (at) WHERE paired;
CREATE TABLE mentions (id TEXT PRIMARY KEY, at INTEGER, post TEXT, record BLOB);
CREATE TABLE letters (id TEXT PRIMARY KEY);
CREATE TABLE refused (record TEXT PRIMARY KEY);
"""


class Kept(Scratch):
    """Takes in messages in the order in which they would be published; a repeated id replaces its predecessor.

    `labels` are those of all concepts that came up, `model_versions` those that decided; `first_ms` and `last_ms` the
    extremes of event time over all outcomes, None before there is one. Raises AdrwatchError when there is no room for
    temporary files.
    """

    def __init__(self) -> None:
        self.labels: dict[str, str] = {}
        self.model_versions: set[str] = set()
        self.first_ms: int | None = None
        self.last_ms: int | None = None
        super().__init__(_TABLES)

    def add(self, outputs: Sequence[Output]) -> None:
        """Take in what the pipeline wrote for a batch."""
        outcomes, mentions, letters = [], [], []
        for output in outputs:
            if output.topic is OUTCOMES:
                outcome = decode(output.value, Outcome)
                at = to_ms(outcome.created_at)
                self.first_ms = at if self.first_ms is None else min(at, self.first_ms)
                self.last_ms = at if self.last_ms is None else max(at, self.last_ms)
                self.labels |= labels_of(outcome)
                self.model_versions.add(outcome.model_version)
                outcomes.append((outcome.post_id, at, outcome.status, bool(outcome.pairs), output.value))
            elif output.topic is MENTIONS:
                mention = decode(output.value, Mention)
                mentions.append((mention.id, to_ms(mention.created_at), mention.post_id, output.value))
            elif output.topic is DEAD_LETTERS:
                letters.append((output.key,))
        self._insert("outcomes", outcomes)
        self._insert("mentions", mentions)
        self._insert("letters", letters)

    def refuse(self, reject: Reject) -> None:
        """Take in a record that ingest refused."""
        place = f"{reject.origin.file}#{reject.origin.line}"
        self._insert("letters", [(f"{place}:{reject.reason}",)])
        self._insert("refused", [(reject.post_id or place,)])

    def statuses(self) -> Counter[str]:
        """How many posts have an outcome of each kind: screened:<reason>, negative, mentions, dead:<reason>."""
        found: Counter[str] = Counter()
        for status, count in self._select("SELECT status, count(*) FROM outcomes GROUP BY status"):
            found["mentions" if status.startswith("mentions:") else status] += count
        return found

    @property
    def distinct(self) -> int:
        """Distinct records: posts by id, and refused ones by id or, where they have none, by place."""
        return self._number("SELECT count(*) FROM (SELECT id FROM outcomes UNION SELECT record FROM refused)")

    @property
    def refused(self) -> int:
        """Distinct records that were refused and became no post elsewhere."""
        return self._number("SELECT count(*) FROM refused WHERE record NOT IN (SELECT id FROM outcomes)")

    @property
    def letters(self) -> int:
        """Dead letters."""
        return self._number("SELECT count(*) FROM letters")

    def mentions(self) -> int:
        """Distinct mentions."""
        return self._number("SELECT count(*) FROM mentions")

    def reports_from(self, start_ms: int) -> int:
        """Posts with a pair from a moment on."""
        return self._number("SELECT count(*) FROM outcomes WHERE paired AND at >= ?", start_ms)

    def buckets(self, length_ms: int, end_ms: int) -> list[int]:
        """The numbers of the buckets before a moment that hold a report, in order."""
        found = self._select(
            "SELECT DISTINCT at / ? FROM outcomes WHERE paired AND at < ? ORDER BY 1", length_ms, end_ms
        )
        return [bucket for (bucket,) in found]

    def rows(self, start_ms: int, end_ms: int) -> Iterator[Row]:
        """The rows with start <= event time < end, in the order of event time."""
        query = "SELECT record FROM outcomes WHERE paired AND at >= ? AND at < ? ORDER BY at"
        for (record,) in self._select(query, start_ms, end_ms):
            row = row_of(decode(record, Outcome))
            if row is not None:
                yield row

    def outcome_records(self) -> Iterator[bytes]:
        """The outcomes as messages, in the order of event time."""
        return (record for (record,) in self._select("SELECT record FROM outcomes ORDER BY at, id"))

    def mention_records(self) -> Iterator[bytes]:
        """The mentions as messages, in the order of event time."""
        return (record for (record,) in self._select("SELECT record FROM mentions ORDER BY at, post, id"))

    def _insert(self, table: str, rows: Sequence[tuple[Any, ...]]) -> None:
        if rows:
            places = ", ".join("?" * len(rows[0]))
            with room():
                self._database.executemany(f"INSERT OR REPLACE INTO {table} VALUES ({places})", rows)

    def _number(self, query: str, *values: int) -> int:
        [(number,)] = self._select(query, *values)
        return int(number)

    def _select(self, query: str, *values: int) -> Iterator[Any]:
        with room():
            yield from self._database.execute(query, values)
