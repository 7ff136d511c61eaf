"""Pushes the posts, at a steady rate, each request until it is taken: what a vendor does who wants to lose nothing."""

from __future__ import annotations

import json
import random
import threading
import time
import uuid
from collections import Counter, deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

from shared.webhooks import signed, signing_key
from tests.faults.suite.posts import SOURCE, Posts, Written

SIGNING = "whsec_dGhpcnR5LXR3byBieXRlcyBmb3IgYSBmYXVsdCBydW4u"
_TOGETHER = 10
# After an outage the backlog is sent at most this much faster than usual.
_HASTE = 3
_TIMEOUT = 15.0
_AGAIN = 0.3
# Every so many posts one that asserts nothing, and was sent some time ago, is taken back.
_DELETED_EACH = 60
_DELETED_AFTER = 10
_TAIL = 48


class Sender:
    """A thread. `file` gets every post that was taken, in order, as a back-test reads it; `taken` when each was, by its id."""

    def __init__(self, url: str, posts: Posts, rate: float, file: Path, chance: random.Random) -> None:
        self.counts: Counter[str] = Counter()
        self.deleted: set[str] = set()
        self.taken: dict[str, float] = {}
        self.refused = 0
        self.sent = 0
        self.failure: Exception | None = None
        self._url = url
        self._posts = posts
        self._rate = rate
        self._chance = chance
        self._file = file.open("w")
        self._client = httpx.Client(timeout=_TIMEOUT, trust_env=False)
        self._key = signing_key(SIGNING, "the sender")
        self._extra: deque[Callable[[], None]] = deque()
        self._recent: deque[list[Written]] = deque(maxlen=50)
        self._quiet: deque[Written] = deque(maxlen=_DELETED_AFTER)
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sender", daemon=True)

    def start(self) -> None:
        """Begin to send."""
        self._thread.start()

    def finish(self, patience: float) -> None:
        """End the stream, with posts that bring event time to its end in every partition, and wait until all are taken."""
        self._ending.set()
        self._thread.join(patience)
        if self.failure is not None:
            raise self.failure
        assert not self._thread.is_alive(), f"the endpoint has not taken the last posts within {patience:.0f} s"
        self._file.close()
        self._client.close()

    def repeat(self) -> None:
        """Send some of the last requests once more, under other request ids."""
        self._extra.append(lambda: [self._push(batch) for batch in self._some_recent()] and None)

    def shuffle(self) -> None:
        """The next posts come out of order, by less than the lateness that the rules allow."""
        self._extra.append(self._shuffled)

    def large(self) -> None:
        """A post of 100 kB comes next."""
        self._extra.append(lambda: self._send([self._posts.large()]))

    def refuse(self) -> None:
        """A record without a time comes next: the endpoint refuses it and keeps it as a dead letter."""
        self._extra.append(self._flawed)

    def _run(self) -> None:
        try:
            began = time.monotonic()
            owed = 0.0
            while not self._ending.is_set():
                while self._extra:
                    self._extra.popleft()()
                now = time.monotonic()
                owed, began = min(owed + (now - began) * self._rate, self._rate * 60), now
                if owed >= _TOGETHER:
                    count = int(min(owed, _TOGETHER * _HASTE))
                    self._send(self._posts.take(count))
                    owed -= count
                else:
                    self._ending.wait((_TOGETHER - owed) / self._rate)
            while self._extra:
                self._extra.popleft()()
            self._send(self._posts.last(_TAIL))
        except Exception as error:  # noqa: BLE001 - told by `finish`
            self.failure = error

    def _send(self, batch: list[Written]) -> None:
        self._push(batch)
        self._recent.append(batch)
        for post in batch:
            self.taken[post.id] = time.monotonic()
            self._file.write(json.dumps(post.line()) + "\n")
        before, self.sent = self.sent, self.sent + len(batch)
        self._file.flush()
        if self.sent // _DELETED_EACH > before // _DELETED_EACH and len(self._quiet) == _DELETED_AFTER:
            self._delete(self._quiet.popleft())
        self._quiet.extend(post for post in batch if post.quiet)

    def _shuffled(self) -> None:
        batch = self._posts.take(_TOGETHER)
        for start in range(0, len(batch), 5):
            part = batch[start : start + 5]
            self._chance.shuffle(part)
            batch[start : start + 5] = part
        self._send(batch)

    def _some_recent(self) -> list[list[Written]]:
        # What was taken back does not come again.
        known = [[post for post in batch if post.id not in self.deleted] for batch in self._recent]
        return self._chance.sample(known, min(3, len(known)))

    def _delete(self, post: Written) -> None:
        self.deleted.add(post.id)
        self._request([{"id": post.native}], "deletions")

    def _flawed(self) -> None:
        self.refused += 1
        self._request(
            [{"id": f"flawed-{self.refused}", "text": "a record without a time", "author": "nobody"}], "posts"
        )

    def _push(self, batch: list[Written]) -> None:
        if batch:
            self._request([post.record() for post in batch], "posts")

    def _request(self, records: list[dict[str, Any]], kind: str) -> None:
        """Until it is taken: the same request, signed anew. What is refused for good is an error, but for flawed records."""
        body = "\n".join(map(json.dumps, records)).encode()
        identity = uuid.uuid4().hex
        while True:
            try:
                headers = {
                    "Content-Type": "application/x-ndjson",
                    **signed(self._key, identity, int(time.time()), body),
                }
                answer = self._client.post(f"{self._url}/v1/sources/{SOURCE}/{kind}", content=body, headers=headers)
                if answer.status_code in (httpx.codes.OK, httpx.codes.UNPROCESSABLE_ENTITY):
                    self.counts.update(answer.json().get("counts", {}))
                    return
                # 401: the clock of the endpoint is wrong, and will be right again.
                if answer.status_code < httpx.codes.INTERNAL_SERVER_ERROR and answer.status_code not in (401, 408):
                    raise AssertionError(f"the endpoint refused a request: {answer.status_code} {answer.text[:300]}")
            except httpx.HTTPError:
                pass
            time.sleep(_AGAIN)
