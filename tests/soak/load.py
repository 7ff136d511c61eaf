"""A steady load for a soak: posts at a rate, whose event time runs faster than the clock so that windows come to be full."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec

from shared.errors import DependencyAway
from shared.events import Post, encode
from shared.settings import Settings
from shared.stream import Output
from shared.topics import POSTS, partition_of
from shared.writer import Writer

_EVERY = 0.25
_PATIENCE = 30.0


class Load:
    """A thread that writes `rate` posts a second until it is closed. `sent` counts them. Event time
    runs from `begin` on, `faster` than the clock.
    """

    def __init__(self, settings: Settings, posts: Sequence[Post], rate: float, begin: datetime, faster: float) -> None:
        self.sent = 0
        self.failed: DependencyAway | None = None
        self._settings = settings
        self._posts = posts
        self._rate = rate
        self._faster = faster
        self._begin = begin
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="load", daemon=True)

    def __enter__(self) -> Load:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._stop.set()
        self._thread.join(_PATIENCE)

    def _run(self) -> None:
        began = time.monotonic()
        with Writer(self._settings, _PATIENCE) as writer:
            while not self._stop.wait(_EVERY):
                due = int((time.monotonic() - began) * self._rate)
                try:
                    writer.write([self._output(number) for number in range(self.sent, due)])
                except DependencyAway as error:
                    self.failed = error
                    return
                self.sent = due

    def _output(self, number: int) -> Output:
        at = self._begin + timedelta(seconds=number / self._rate * self._faster)
        post = numbered(self._posts[number % len(self._posts)], f"soak:{number}", number, at)
        return Output(POSTS, post.id, encode(post), partition_of(post.id, POSTS.partitions))


def numbered(post: Post, name: str, number: int, at: datetime) -> Post:
    """A post under another id, with an ending of its own, at another time."""
    return msgspec.structs.replace(post, id=name, text=f"{post.text} {number}", created_at=at, ingested_at=at)
