"""Asks a network which of the published posts still stand, a few at a time: for what it told while nobody listened.

A round asks for every post whose own id is kept (decision 5), the newest first. One begins after each connection, and again after
some hours; requests are spaced, and wait where the network says that few are left. What an answer for many does not have is asked
for by itself before it is taken back.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable
from itertools import islice
from typing import Generic, TypeVar

from services.ingest.source import SourceBroken
from shared.logs import logger

log = logger("sources")

# 150 requests in five minutes, half of what instances of Mastodon allow an account.
_PAUSE_SECONDS = 2.0
# However often connections break, rounds begin no more often.
_ROUND_SECONDS = 600.0
_TROUBLE_SECONDS = 60.0
# One question that always fails must not hold up the others for good.
_MOST_FAILURES = 5

T = TypeVar("T")
Ids = tuple[str, str]


class Standing(Generic[T]):
    """The questions to one host.

    `published` gives pairs of a post's id here and its id there, the newest last; `many` gives what of up to `most` ids stands, by
    id, or None where the host answers for single ones only; `one` gives None for what is gone; `wait` tells for how many seconds
    the host is to be left alone. All but `wait` may raise SourceBroken, which ends no connection: the question is repeated later.
    """

    def __init__(
        self,
        host: str,
        hours: float,
        most: int,
        published: Callable[[], Iterable[Ids]],
        many: Callable[[list[str]], dict[str, T] | None],
        one: Callable[[str], T | None],
        wait: Callable[[], float] = lambda: 0.0,
    ) -> None:
        self._host = host
        self._seconds = hours * 3600.0
        self._most = most
        self._published = published
        self._many = many
        self._one = one
        self._wait = wait
        self._left: deque[Ids] = deque()
        self._doubtful: deque[Ids] = deque()
        self._wanted = False
        self._began: float | None = None
        self._due = 0.0
        self._failures = 0

    def connected(self) -> None:
        """What was told until now may have been missed."""
        self._wanted = True

    def look(self) -> tuple[list[Ids], list[T]]:
        """What is found to be gone, and what to stand, by the question that is due; mostly nothing. Takes one request at most."""
        now = time.monotonic()
        if now < self._due:
            return [], []
        if not self._left and not self._doubtful and self._is_round_due(now):
            self._began, self._wanted = now, False
            self._left.extend(reversed(list(self._published())))
        if not self._left and not self._doubtful:
            return [], []
        try:
            found = self._ask()
            pause = max(_PAUSE_SECONDS, self._wait())
            self._failures = 0
        except SourceBroken as trouble:
            found = [], []
            pause = self._note_trouble(trouble)
            log.warning(
                "it could not be asked which posts still stand, trying again", host=self._host, error=trouble.message
            )
        self._due = time.monotonic() + pause
        return found

    def _is_round_due(self, now: float) -> bool:
        if self._began is None:
            return self._wanted
        return now - self._began > (_ROUND_SECONDS if self._wanted else self._seconds)

    def _note_trouble(self, trouble: SourceBroken) -> float:
        """For how long nothing is asked now. A question that fails again and again is left to the next round."""
        if trouble.wait_seconds is not None:
            return trouble.wait_seconds
        self._failures += 1
        if self._failures == _MOST_FAILURES:
            self._failures = 0
            self._drop()
        return _TROUBLE_SECONDS

    def _drop(self) -> list[Ids]:
        """Take the question out that is the next; gives it."""
        if self._doubtful:
            return [self._doubtful.popleft()]
        return [self._left.popleft() for _ in range(min(self._most, len(self._left)))]

    def _ask(self) -> tuple[list[Ids], list[T]]:
        if self._doubtful:
            asked = self._doubtful[0]
            found = self._one(asked[1])
            self._drop()
            return ([asked], []) if found is None else ([], [found])
        batch = list(islice(self._left, self._most))
        standing = self._many([there for _, there in batch])
        self._drop()
        self._doubtful.extend(one for one in batch if standing is None or one[1] not in standing)
        return [], list(standing.values()) if standing else []
