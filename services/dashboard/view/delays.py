"""How long it took from a post to its mention and to its alert: counts by time and by length, in the file of mentions.

A length lies between a time that messages carry (when the post was written, when a source took it in) and that of the record of
what came of it. Only what comes of a post first is counted, and nothing that repeats it. Lengths of more than a day are left out:
such posts were replayed. Posts of which only aggregates may be kept have no exact time, and are left out. No id of a post is kept.
"""

from __future__ import annotations

import math
import sqlite3
from collections import defaultdict
from dataclasses import dataclass
from typing import Literal

from shared.events import Alert, Mention
from shared.signals.windows import to_ms

Until = Literal["mention", "single_report", "disproportionality"]
Since = Literal["written", "arrived"]
UNTIL: tuple[Until, ...] = ("mention", "single_report", "disproportionality")
SINCE: tuple[Since, ...] = ("written", "arrived")
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
# Counts of so much time lie together, and so do lengths that differ by less than a step.
_SLOT_MS = 300_000
_STEP, _LEAST_SECONDS = 1.05, 0.01

CREATE = (
    "CREATE TABLE IF NOT EXISTS delays (slot INTEGER, until TEXT, since TEXT, source TEXT, step INTEGER, n INTEGER NOT NULL,"
    " PRIMARY KEY (slot, until, since, source, step)) WITHOUT ROWID",
    # The newest evaluation of each alert that was counted: what is published of it once more counts no second time.
    "CREATE TABLE IF NOT EXISTS raised (alert TEXT PRIMARY KEY, evaluated INTEGER NOT NULL) WITHOUT ROWID",
)
_ADD = (
    "INSERT INTO delays VALUES (?, ?, ?, ?, ?, 1)"
    " ON CONFLICT (slot, until, since, source, step) DO UPDATE SET n = n + 1"
)
_RAISE = (
    "INSERT INTO raised VALUES (?, ?) ON CONFLICT (alert) DO UPDATE SET evaluated = excluded.evaluated"
    " WHERE excluded.evaluated > evaluated"
)


@dataclass(frozen=True)
class Delay:
    """Seconds from a post to what came of it, over `n` posts. `source` is empty where all are together.

    Half took `p50` at most, 95 of 100 took `p95`, and none more than `most`; each may be 5 % less.
    """

    until: Until
    since: Since
    source: str
    n: int
    p50: float
    p95: float
    most: float


def note_mention(write: sqlite3.Connection, key: int, mention: Mention, written_ms: int) -> None:
    """Count the time to the first mention of a post, by the key of the post. Before the mention is taken in."""
    known = write.execute("SELECT 1 FROM mentions WHERE post = ?", (key,)).fetchone()
    if known is None and not mention.aggregates_only:
        source = mention.post_id.partition(":")[0]
        _add(write, "mention", written_ms, source, to_ms(mention.created_at), _arrived(write, key))


def note_alert(write: sqlite3.Connection, key: int, alert: Alert, written_ms: int) -> None:
    """Count the time to an evaluation of an alert, once, by the key of the newest post that it names. After the mentions."""
    if not write.execute(_RAISE, (alert.id, to_ms(alert.evaluated_at))).rowcount:
        return
    post = write.execute("SELECT source, at FROM mentions WHERE post = ?", (key,)).fetchone()
    if post is not None and not alert.aggregates_only:
        source, post_ms = post
        _add(write, alert.kind, written_ms, source, post_ms, _arrived(write, key))


def let_go(write: sqlite3.Connection, before_ms: int) -> None:
    """Forget what was counted before a time, in ms."""
    write.execute("DELETE FROM delays WHERE slot < ?", (before_ms // _SLOT_MS,))


def read(connection: sqlite3.Connection, since_ms: int) -> list[Delay]:
    """What was counted of records since a time in ms, to five minutes: of all sources together, and then of each."""
    rows = connection.execute(
        "SELECT until, since, source, step, sum(n) FROM delays WHERE slot >= ? GROUP BY until, since, source, step",
        (since_ms // _SLOT_MS,),
    )
    counts: dict[tuple[Until, Since, str], dict[int, int]] = defaultdict(lambda: defaultdict(int))
    for until, since, source, step, number in rows.fetchall():
        for one in ("", source):
            counts[until, since, one][step] += number
    ordered = sorted(counts, key=lambda name: (name[2], UNTIL.index(name[0]), SINCE.index(name[1])))
    return [_delay(name, counts[name]) for name in ordered]


def _delay(name: tuple[Until, Since, str], counts: dict[int, int]) -> Delay:
    n = sum(counts.values())

    def within(share: float) -> float:
        seen = 0
        for step in sorted(counts):
            seen += counts[step]
            if seen >= share * n:
                break
        return min(_LEAST_SECONDS * _STEP**step, DAY_MS / 1000)

    return Delay(*name, n, within(0.5), within(0.95), within(1.0))


def _arrived(write: sqlite3.Connection, key: int) -> int | None:
    found = write.execute("SELECT arrived FROM places WHERE post = ?", (key,)).fetchone()
    return None if found is None else found[0]


def _add(
    write: sqlite3.Connection, until: Until, written_ms: int, source: str, post_ms: int, arrived_ms: int | None
) -> None:
    slot = written_ms // _SLOT_MS
    given: dict[Since, int | None] = {"written": post_ms, "arrived": arrived_ms}
    for since, then in given.items():
        if then is not None and (took := written_ms - then) <= DAY_MS:
            write.execute(_ADD, (slot, until, since, source, _step(took / 1000)))


def _step(seconds: float) -> int:
    """The first whose end, `_LEAST_SECONDS` times `_STEP` to its power, is not less. As clocks differ, a length may be below 0."""
    return max(0, math.ceil(math.log(max(seconds, _LEAST_SECONDS) / _LEAST_SECONDS, _STEP) - 1e-9))
