"""A forum on this machine that runs Discourse, as far as `/posts.json` goes, with the faults of a bad day.

Sources: docs.discourse.org (`GET /posts.json`; Api-Key and Api-Username; errors with `error_type`, and with `extras.wait_seconds`
where somebody asks too often); Discourse's PostsController#latest.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from tests.networks.site import Answer, Asked, Site, served

KEY = "a key for tests"
PAGE = 50


class ForumSite(Site):
    """Posts by their numbers. `older`: a page looks at 50 numbers, as in older versions, instead of at 50 posts.

    `login`: without the key nobody reads anything. `revoked`: no key is right.
    """

    def __init__(self) -> None:
        super().__init__()
        self.posts: dict[int, dict[str, Any]] = {}
        self.last = 0
        self.older = self.login = self.revoked = False
        self.robots = ""

    def add(self, cooked: str, username: str = "anna", **fields: Any) -> int:
        """Write a post; gives its number."""
        with self.lock:
            self.last += 1
            self.posts[self.last] = {
                "id": self.last, "username": username, "cooked": cooked, "created_at": self._time(), "updated_at": self._time(),
                "version": 1, "post_type": 1, "topic_id": 7, "hidden": False, "user_deleted": False,
            } | fields  # fmt: skip
            return self.last

    def edit(self, number: int, cooked: str) -> None:
        with self.lock:
            post = self.posts[number]
            post.update(cooked=cooked, version=post["version"] + 1, updated_at=self._time())

    def _time(self) -> str:
        return datetime.fromtimestamp(self.now(), UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"

    def delete(self, number: int) -> None:
        """Take a post away; the number of one that was never public is left out in the same way."""
        with self.lock:
            del self.posts[number]

    def skip(self, count: int = 1) -> None:
        """Numbers that go to posts that are not public."""
        with self.lock:
            self.last += count

    def page(self, asked: Asked) -> Answer:
        """See Site."""
        if asked.path == "/robots.txt":
            return Answer(body=self.robots.encode())
        if asked.path != "/posts.json":
            return Answer(404, b'{"errors":["not found"],"error_type":"not_found"}')
        key = asked.headers.get("api-key")
        if key is not None and (self.revoked or key != KEY or not asked.headers.get("api-username")):
            return Answer(403, b'{"errors":["no"],"error_type":"invalid_access"}')
        if self.login and key is None:
            return Answer(403, b'{"errors":["no"],"error_type":"not_logged_in"}')
        before = int(asked.query.get("before", [str(self.last)])[0])
        numbers = sorted((one for one in self.posts if one <= before), reverse=True)
        if self.older:
            numbers = [one for one in numbers if one > before - PAGE]
        body = json.dumps({"latest_posts": [self.posts[one] for one in numbers[:PAGE]]})
        return Answer(body=body.encode(), headers={"Content-Type": "application/json"})


def too_often(seconds: int) -> Answer:
    body = {"errors": ["slow down"], "error_type": "rate_limit", "extras": {"wait_seconds": seconds}}
    return Answer(429, json.dumps(body).encode(), headers={"Retry-After": "1"})


@contextmanager
def forum_site() -> Iterator[ForumSite]:
    """A forum on a free port of the loopback."""
    made = ForumSite()
    with served(made):
        yield made
