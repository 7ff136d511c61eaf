"""Which posts of a source were taken back in the last days: a pipeline that is behind may still refuse one, and write its text
into a dead letter after the deletion has looked for letters.

The topic `adr.deletions` is the truth, so deletions by hand and from before a restart are known too.
"""

from __future__ import annotations

import time

from services.ingest.networks.known import Known
from shared.broker import TopicReader
from shared.errors import BadMessage
from shared.events import Deletion, decode
from shared.settings import Settings
from shared.topics import DAY_MS, DELETIONS, POSTS

# A pipeline that is further behind finds the post no more: it has gone by the retention of its topic.
_KEPT_MS = POSTS.retention_ms + DAY_MS
# Some twenty MB. Where more are taken back, the last count: a pipeline is seldom behind by days.
_MOST = 100_000


class TakenBack:
    """For one thread."""

    def __init__(self, settings: Settings, source: str) -> None:
        self._settings = settings
        self._prefix = f"{source}:"
        self._offset = 0
        # When that was written, in ms since 1970, and whether a person asked for it; in the order of writing.
        self._posts: dict[str, tuple[int, bool]] = {}

    def catch_up(self) -> None:
        """Take in what the topic has more since the last time. Raises what TopicReader raises; the next time goes on from there."""
        oldest = int(time.time() * 1000) - _KEPT_MS
        since = None if self._offset else {0: oldest}
        with TopicReader(self._settings, DELETIONS, self._offset, since) as reader:
            for record in reader.to_end():
                self._apply((record.key or b"").decode(errors="replace"), record.value, record.written_ms)
                self._offset = record.offset + 1
        while self._posts:
            post, (written_ms, _) = next(iter(self._posts.items()))
            if written_ms >= oldest and len(self._posts) <= _MOST:
                return
            del self._posts[post]

    def out_of(self, posts: set[str], known: Known) -> list[str]:
        """Those of these posts that were taken back, and have not come again since."""
        # What a person had forgotten is still known to the process that follows the source, whether it came again or not.
        return [one for one in sorted(posts & self._posts.keys()) if self._posts[one][1] or one not in known]

    def _apply(self, post: str, value: bytes | None, written_ms: int) -> None:
        if value is None or not post.startswith(self._prefix):
            return
        try:
            by_hand = decode(value, Deletion).asked_by == "hand"
        except BadMessage:
            return
        self._posts.pop(post, None)
        self._posts[post] = written_ms, by_hand
