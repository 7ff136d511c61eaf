"""What a running instance or an earlier back-test holds, as the input of a back-test: posts, or outcomes and mentions."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from services.backtest.kept import Kept
from services.ingest.source import Origin, Reject
from shared.broker import Stored, TopicReader
from shared.errors import AdrwatchError, BadMessage
from shared.events import Deletion, Mention, Outcome, Post, decode
from shared.forgetting import version_of
from shared.scratch import Scratch, room
from shared.settings import Settings
from shared.signals.windows import to_ms
from shared.stream import Output
from shared.topics import DELETIONS, MENTIONS, OUTCOMES, POSTS, Topic

_AT_ONCE = 1_000
_TABLE = "CREATE TABLE posts (id TEXT PRIMARY KEY, at INTEGER, record BLOB);"
# Files of a results folder that another back-test can start from.
FILES: dict[str, Topic] = {"outcomes.jsonl": OUTCOMES, "mentions.jsonl": MENTIONS}


@dataclass(frozen=True)
class Between:
    """Event times, UTC: from `start` on and before `end`; None is no bound."""

    start: datetime | None = None
    end: datetime | None = None

    def __contains__(self, moment: datetime) -> bool:
        return (self.start is None or moment >= self.start) and (self.end is None or moment < self.end)


class TopicPosts(Scratch):
    """The posts that lie in adr.posts and were not taken back, by event time: the last form of each. A source as files are one.

    Records that are no posts are rejects, as they are dead letters live. Use as a context manager. Raises what reading a topic
    raises.
    """

    backwards = 0

    def __init__(self, settings: Settings, between: Between) -> None:
        self._done = 0
        self._unreadable: list[Reject] = []
        self._name = POSTS.name(settings.topic_prefix)
        super().__init__(_TABLE)
        since = None
        if between.start is not None:
            # A post is never written much before its time.
            first = to_ms(between.start) - int(settings.future_limit * 1000)
            since = dict.fromkeys(range(POSTS.partitions), first)
        with TopicReader(settings, POSTS, since=since) as reader, room():
            for stored in reader.to_end():
                self._take(stored, between)
        [(self._total,)] = self._database.execute("SELECT count(*) FROM posts")

    def _take(self, stored: Stored, between: Between) -> None:
        self._database.execute("DELETE FROM posts WHERE id = ?", ((stored.key or b"").decode(errors="replace"),))
        if stored.value is None:
            return
        try:
            post = decode(stored.value, Post)
        except BadMessage as error:
            place = Origin(f"{self._name}:{stored.partition}", stored.offset)
            self._unreadable.append(Reject(error.reason, error.message, place, b""))
            return
        if post.created_at in between:
            row = (post.id, to_ms(post.created_at), stored.value)
            self._database.execute("INSERT OR REPLACE INTO posts VALUES (?, ?, ?)", row)

    def __iter__(self) -> Iterator[Post | Reject]:
        yield from self._unreadable
        for (record,) in self._database.execute("SELECT record FROM posts ORDER BY at, id"):
            self._done += 1
            yield decode(record, Post)

    @property
    def progress(self) -> tuple[int, int]:
        """Posts given so far, and all."""
        return self._done, self._total


def topic_records(settings: Settings, end: datetime | None) -> Iterator[Output]:
    """What adr.outcomes and adr.mentions hold of posts before `end`, without what came from the future or was taken back: of a
    post that was edited the versions up to the edit.

    Raises what reading a topic raises.
    """
    gone: set[str] = set()
    edited: dict[str, int] = {}
    with TopicReader(settings, DELETIONS) as reader:
        for stored in reader.to_end():
            try:
                deletion = decode(stored.value or b"", Deletion)
            except BadMessage:
                continue
            if deletion.edited:
                edited[deletion.id] = max(stored.written_ms, edited.get(deletion.id, 0))
            else:
                gone.add(deletion.id)
    for topic in (OUTCOMES, MENTIONS):
        with TopicReader(settings, topic) as reader:
            for stored in reader.to_end():
                try:
                    event: Outcome | Mention = _event(stored.value or b"", topic)
                except BadMessage:
                    continue
                of = version_of(stored.headers, stored.written_ms)
                taken = event.post_id in gone or of <= edited.get(event.post_id, -1)
                # Alerting refuses such a post too.
                future = to_ms(event.created_at) > stored.written_ms + settings.future_limit * 1000
                if not taken and not future and event.created_at in Between(end=end):
                    yield Output(topic, event.post_id, stored.value)


def folder_records(folder: Path, end: datetime | None) -> Iterator[Output]:
    """The outcomes and mentions of a results folder, of posts before `end`. Raises AdrwatchError where a file is no such file."""
    for name, topic in FILES.items():
        try:
            with (folder / name).open("rb") as lines:
                for number, line in enumerate(lines, 1):
                    try:
                        event = _event(line, topic)
                    except BadMessage as error:
                        raise _not_a_result(f"line {number} of {folder / name} is no message: {error}") from None
                    if event.created_at in Between(end=end):
                        yield Output(topic, event.post_id, line.rstrip(b"\n"))
        except OSError as error:
            raise _not_a_result(f"{folder / name} cannot be read: {error.strerror}") from None


def fill(kept: Kept, records: Iterable[Output], follow: Callable[[Iterator[Output]], Iterator[Output]]) -> int:
    """Keep the records; gives how many of them are outcomes. `follow` is given them as they pass."""
    outcomes = 0
    passing = follow(iter(records))
    while part := list(itertools.islice(passing, _AT_ONCE)):
        outcomes += sum(output.topic is OUTCOMES for output in part)
        kept.add(part)
    return outcomes


def _event(value: bytes, topic: Topic) -> Outcome | Mention:
    return decode(value, Outcome) if topic is OUTCOMES else decode(value, Mention)


def _not_a_result(what: str) -> AdrwatchError:
    return AdrwatchError(what, fix="give a folder that `adrwatch backtest --out` wrote")
