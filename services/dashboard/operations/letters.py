"""The dead letters for people: listed without what they hold, one looked at, some sent back by the code of the command."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from services.cases.audit import Trail
from services.cases.database import Database
from services.dashboard.operations.tail import Tail
from services.dashboard.operations.watch import Found
from services.ingest.dead_letters import Held, ReplayAccount, open_inbox, replay
from services.ingest.producer import delivery
from services.ingest.publish import STAGE
from shared.broker import Stored, TopicReader, require_topics
from shared.errors import AdrwatchError
from shared.events import DeadLetter
from shared.settings import Settings
from shared.topics import DAY_MS, DEAD_LETTERS, TOPICS

_GIVE_UP_SECONDS = 30.0
_PATIENCE = 5.0
# Older ones are gone by the retention of their topic, and the time that the broker takes for it.
_KEPT_MS = DEAD_LETTERS.retention_ms + DAY_MS
_LONGEST_SUBJECT = 80
# So many are sent back together, at most. Payloads of more are never in memory, however many are to be replayed.
_AT_ONCE, _BYTES_AT_ONCE = 1_000, 16_000_000


@dataclass(frozen=True)
class Line:
    """A dead letter without its payload. `bytes` is the payload's size, `place` the letter's offset in its own topic."""

    id: str
    occurred_at: datetime
    stage: str
    reason: str
    detail: str
    topic: str
    partition: int
    offset: int
    bytes: int
    attempts: int
    written_ms: int
    place: int

    @property
    def of_a_file(self) -> bool:
        """Whether it is a line of a file."""
        return of_a_file(self)


class Letters:
    """What is there. No payload is kept."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._tail = Tail(settings, DEAD_LETTERS)
        self._lines: dict[str, Line] = {}

    def lines(self) -> list[Line]:
        """Those that are not done, the latest first. Raises DependencyAway."""
        with self._lock:
            for record in self._tail.catch_up():
                name = (record.key or b"").decode(errors="replace")
                self._lines.pop(name, None)
                for held in open_inbox([record]).letters.values():
                    self._lines[name] = _line(held)
            oldest = time.time() * 1000 - _KEPT_MS
            self._lines = {name: line for name, line in self._lines.items() if line.written_ms >= oldest}
            return list(reversed(self._lines.values()))

    def close(self) -> None:
        """Let the connection go."""
        with self._lock:
            self._tail.close()

    def one(self, letter_id: str) -> Held:
        """One with its payload. Raises AdrwatchError where it is not there any more, DependencyAway."""
        # Payloads of the others are let go of as they come: the topic may hold more than memory does.
        with TopicReader(self._settings, DEAD_LETTERS, patience=_PATIENCE) as reader:
            wanted = (one for one in reader.to_end() if (one.key or b"").decode(errors="replace") == letter_id)
            found = open_inbox(wanted).letters
        if letter_id not in found:
            raise AdrwatchError("this dead letter is done already, or was never there", fix="load the list again")
        return found[letter_id]

    def send_back(self, ids: Collection[str]) -> ReplayAccount:
        """Replay those with these ids that are there, batch by batch. Raises DependencyAway, AdrwatchError where none is."""
        wanted = frozenset(ids)
        # A key may have several records, and only the last of them stands.
        standing = {line.place for line in self.lines() if line.id in wanted}
        if not standing:
            raise AdrwatchError("none of these dead letters is there any more", fix="load the list again")
        require_topics(self._settings, TOPICS)
        prefix, account = self._settings.topic_prefix, ReplayAccount(chosen=len(standing))
        with (
            delivery(self._settings, _GIVE_UP_SECONDS) as outgoing,
            TopicReader(self._settings, DEAD_LETTERS, patience=_PATIENCE) as reader,
        ):
            for batch in _batches(record for record in reader.to_end() if record.offset in standing):
                account.take_in(replay(batch, outgoing, prefix, DEAD_LETTERS.name(prefix)))
                if outgoing.hopeless:
                    break
        return account


def of_a_file(letter: DeadLetter | Line) -> bool:
    """Whether ingest refused it: it came from a line of a file, and from no topic, and is not replayed. Pure."""
    return letter.stage == STAGE or letter.partition < 0


def chosen(lines: Sequence[Line], ids: Sequence[str], stage: str, reason: str) -> list[Line]:
    """Those with these ids, all where none are named, of this stage and reason where they are not empty. Pure."""
    return [
        line
        for line in lines
        if (not ids or line.id in ids) and stage in ("", line.stage) and reason in ("", line.reason)
    ]


def kinds(lines: Sequence[Line]) -> list[tuple[str, str, int]]:
    """Stage, reason and how many, the most first. Pure."""
    return [
        (stage, reason, count) for (stage, reason), count in Counter((x.stage, x.reason) for x in lines).most_common()
    ]


def judged(lines: Sequence[Line]) -> Found:
    """Dead letters wait for somebody. Pure."""
    if not lines:
        return Found("none")
    return Found(f"{len(lines)} wait", "posts could not be processed", "look at them by reason, mend that, replay them")


def recorded(trail: Trail, database: Database, actor: str, action: str, subject: str, reason: str) -> None:
    """A row of the audit trail. Raises DependencyAway, and then nothing was done."""
    with trail.recording(database) as recording:
        recording.add(actor, action, subject[:_LONGEST_SUBJECT], reason)


def _batches(records: Iterable[Stored]) -> Iterator[list[Held]]:
    """The letters of some records, so many at once as memory bears."""
    batch: list[Stored] = []
    size = 0
    for record in records:
        batch.append(record)
        size += len(record.value or b"")
        if len(batch) == _AT_ONCE or size >= _BYTES_AT_ONCE:
            yield list(open_inbox(batch).letters.values())
            batch, size = [], 0
    if batch:
        yield list(open_inbox(batch).letters.values())


def _line(held: Held) -> Line:
    letter = held.letter
    return Line(
        letter.id, letter.occurred_at, letter.stage, letter.reason, letter.detail, letter.topic, letter.partition,
        letter.offset, len(letter.payload), held.attempts, held.stored.written_ms, held.stored.offset,
    )  # fmt: skip
