"""Which posts were taken back, at their network, by their sender or by `adrwatch forget`: they do not come back.

A network gives a post again after a break, or when it is edited; a sender that missed an answer sends again. The topic
`adr.deletions` is the truth; a thread looks at it every second. A post that was edited, so that nothing of it is kept as it is
now, is none of them: its next version is a post like others.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Iterable

import tenacity
from kafka.errors import KafkaError

from shared import logs
from shared.broker import TopicReader
from shared.errors import AdrwatchError, BadMessage
from shared.events import Deletion, decode
from shared.settings import Settings
from shared.topics import DELETIONS

log = logs.logger("deletions")

_LOOK_SECONDS = 1.0


class Gone:
    """The ids of posts of the sources that were taken back; follows the topic until `stop` is set."""

    def __init__(self, settings: Settings, sources: Iterable[str], stop: threading.Event) -> None:
        self._settings = settings
        self._prefixes = tuple(f"{source}:" for source in sources)
        self._stop = stop
        self._offset = 0
        self._ids: set[str] = set()

    def start(self) -> None:
        """Wait for the broker and for what the topic has now, then follow it. Raises AdrwatchError when told to stop before."""
        tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(AdrwatchError),
            wait=tenacity.wait_random_exponential(self._settings.retry_first, self._settings.retry_most),
            sleep=tenacity.sleep_using_event(self._stop),
            stop=tenacity.stop_when_event_set(self._stop),
            before_sleep=lambda state: log.warning("waiting for the deletions", attempt=state.attempt_number),
            reraise=True,
        )(self._look, once=True)
        threading.Thread(target=self._follow, name="deletions", daemon=True).start()

    def add(self, ids: Iterable[str]) -> None:
        """Take in deletions that are safe, but may not be in the topic yet."""
        self._ids.update(ids)

    def __contains__(self, post_id: object) -> bool:
        return post_id in self._ids

    def _follow(self) -> None:
        while not self._stop.is_set():
            try:
                self._look(once=False)
            except (AdrwatchError, KafkaError) as error:
                log.warning("the deletions cannot be followed, trying again", error=f"{type(error).__name__}: {error}")
                self._stop.wait(self._settings.retry_most * random.uniform(0.5, 1.0))

    def _look(self, *, once: bool) -> None:
        with TopicReader(self._settings, DELETIONS, self._offset) as reader:
            while True:
                for record in reader.to_end():
                    key = (record.key or b"").decode(errors="replace")
                    if key.startswith(self._prefixes) and _for_good(record.value):
                        self._ids.add(key)
                    self._offset = record.offset + 1
                if once or self._stop.wait(_LOOK_SECONDS):
                    return


def _for_good(value: bytes | None) -> bool:
    try:
        return not decode(value or b"", Deletion).edited
    except BadMessage:
        # Whoever wrote it meant that the post goes.
        return True
