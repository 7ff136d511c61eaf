"""A topic of one partition that is read once, and then on from where reading stopped."""

from __future__ import annotations

from collections.abc import Iterator

from shared.broker import Stored, TopicReader
from shared.errors import DependencyAway
from shared.settings import Settings
from shared.topics import Topic

# People wait for what it reads.
_PATIENCE = 5.0


class Tail:
    """Its connection is made when it is first needed, and kept. For one thread at a time."""

    def __init__(self, settings: Settings, topic: Topic) -> None:
        self._settings = settings
        self._topic = topic
        self._reader: TopicReader | None = None
        self._offset = 0

    def catch_up(self) -> Iterator[Stored]:
        """What the topic has more since the last time. Raises what TopicReader raises; the next time goes on from there."""
        try:
            if self._reader is None:
                self._reader = TopicReader(self._settings, self._topic, self._offset, patience=_PATIENCE)
            for record in self._reader.to_end():
                yield record
                self._offset = record.offset + 1
        except DependencyAway:
            self.close()
            raise

    def close(self) -> None:
        """Let the connection go."""
        if self._reader is not None:
            self._reader.__exit__()
            self._reader = None
