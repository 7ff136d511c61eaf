"""A Reddit on this machine, as far as an app that only reads goes, with the faults of a bad day.

Sources: www.reddit.com/dev/api (listings with `after` and `limit`, /r/…/new, /r/…/comments, /search, /api/info, /r/…/about); the
wiki of reddit's open source, "OAuth2" (application only) and "JSON"; support.reddithelp.com, "Reddit Data API Wiki" (limits).
"""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from html import escape
from typing import Any

from tests.networks.site import Answer, Asked, Site, served
from tests.networks.x import matches

CLIENT_ID, CLIENT_SECRET = "an-app-for-tests", "a-secret-of-that-app"
AGENT = "linux:org.example.adrwatch:v1.0 (by /u/nobody-at-all)"
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_PAGE, _MOST = 100, 1000


class RedditSite(Site):
    """Posts and comments by their fullnames. `closed`: subreddit to what Reddit says of it (`private`, `banned`, `quarantined`).

    `secret`: the app's. `tokens`: those that are taken. `left`, `reset`: what the headers say of its limit. `most`: how many
    things a listing has. Faults are in turn half an answer, none, and 503.
    """

    def __init__(self) -> None:
        super().__init__()
        self.things: dict[str, dict[str, Any]] = {}
        self.subreddits: set[str] = set()
        self.closed: dict[str, str] = {}
        self.secret = CLIENT_SECRET
        self.tokens: set[str] = set()
        self.left, self.reset = 500.0, 1
        self.most = _MOST
        self.faults = 0
        self._last = int(time.time() * 1000)

    def fault(self) -> Answer:
        """See Site."""
        self.faults += 1
        whole = _json({"kind": "Listing", "data": {"children": [], "after": None}})
        return (Answer(body=whole.body, headers=whole.headers, cut=9), Answer(silent=True), Answer(503))[
            self.faults % 3
        ]

    def post(self, subreddit: str, title: str, text: str = "", author: str = "anna", **more: Any) -> str:
        """Somebody posts; gives the fullname."""
        html = f'<!-- SC_OFF --><div class="md"><p>{escape(text)}</p>\n</div><!-- SC_ON -->' if text else None
        return self._add("t3", subreddit, author, {"title": title, "selftext": text, "selftext_html": html} | more)

    def comment(self, subreddit: str, text: str, author: str = "bert", **more: Any) -> str:
        """Somebody comments; gives the fullname."""
        html = f'<div class="md"><p>{escape(text)}</p>\n</div>'
        link = {
            "link_id": "t3_1",
            "parent_id": "t3_1",
            "link_title": "zoloft, of which others speak",
            "link_author": "carla",
        }
        return self._add("t1", subreddit, author, {"body": text, "body_html": html} | link | more)

    def edit(self, name: str, text: str) -> None:
        with self.lock:
            key = "selftext" if name.startswith("t3") else "body"
            self.things[name] |= {
                key: text,
                f"{key}_html": f"<p>{escape(text)}</p>",
                "edited": float(int(self.now())),
            }

    def delete(self, name: str) -> None:
        """Its author deletes it: it leaves every listing, and says so where it is asked for."""
        self._take_away(name, "[deleted]", "deleted")

    def remove(self, name: str) -> None:
        """A moderator removes it."""
        self._take_away(name, "[removed]", "moderator")

    def lose(self, name: str) -> None:
        """Nobody gets it any more, under no name."""
        with self.lock:
            del self.things[name]

    def revoke(self) -> None:
        """The app's secret is another one, and its tokens are none any more."""
        with self.lock:
            self.secret = "another-secret"
            self.tokens.clear()

    def readings(self) -> int:
        """How many listings were asked for."""
        return sum(one.path.startswith("/r/") for one in self.asked)

    def page(self, asked: Asked) -> Answer:
        """See Site."""
        if asked.path == "/api/v1/access_token":
            return self._token(asked)
        limits = {
            "X-Ratelimit-Used": "7",
            "X-Ratelimit-Remaining": str(self.left),
            "X-Ratelimit-Reset": str(self.reset),
        }
        if asked.headers.get("authorization", "").removeprefix("bearer ") not in self.tokens:
            return Answer(
                401, b'{"message": "Unauthorized", "error": 401}',
                {"WWW-Authenticate": 'Bearer realm="reddit", error="invalid_token"', "Content-Type": "application/json"},
            )  # fmt: skip
        found = self._found(asked)
        found.headers |= limits
        return found

    def _token(self, asked: Asked) -> Answer:
        right = base64.b64encode(f"{CLIENT_ID}:{self.secret}".encode()).decode()
        if asked.headers.get("authorization") != f"Basic {right}":
            return _json({"message": "Unauthorized", "error": 401}, 401)
        if asked.form.get("grant_type") != ["client_credentials"]:
            return _json({"error": "unsupported_grant_type"})
        token = f"token-{len(self.asked)}"
        self.tokens.add(token)
        return _json({"access_token": token, "token_type": "bearer", "expires_in": 86400, "scope": "*"})

    def _found(self, asked: Asked) -> Answer:
        match asked.path.strip("/").split("/"):
            case ["r", name, what]:
                if name in self.closed:
                    reason = self.closed[name]
                    status = 404 if reason == "banned" else 403
                    return _json({"reason": reason, "message": "no", "error": status}, status)
                if name not in self.subreddits:
                    return Answer(302, headers={"Location": f"{self.url}/subreddits/search?q={name}"})
                if what == "about":
                    return _json({"kind": "t5", "data": {"display_name": name}})
                kind = {"new": "t3", "comments": "t1"}[what]
                return self._listing(asked, [one for one in self._standing(kind) if one["subreddit"] == name])
            case ["search"]:
                query = asked.query["q"][0]
                if len(query) > 512:
                    return _json({"message": "Bad Request", "explanation": "that query is too long", "error": 400}, 400)
                texts = {"lang": "en"}
                wanted = self._standing("t3")
                return self._listing(
                    asked,
                    [one for one in wanted if matches(query, texts | {"text": f"{one['title']} {one['selftext']}"})],
                )
            case ["api", "info"]:
                names = asked.query["id"][0].split(",")
                assert len(names) <= _PAGE
                open_ = [
                    one for one in names if one in self.things and self.things[one]["subreddit"] not in self.closed
                ]
                return _listed([self.things[one] for one in open_], None)
        return _json({"message": "Not Found", "error": 404}, 404)

    def _standing(self, kind: str) -> list[dict[str, Any]]:
        """What listings have, newest first."""
        found = [one for one in self.things.values() if one["name"].startswith(kind) and not one["removed_by_category"]]
        return sorted(found, key=lambda one: int(one["name"][3:], 36), reverse=True)

    def _listing(self, asked: Asked, found: list[dict[str, Any]]) -> Answer:
        found = found[: self.most]
        after = asked.query.get("after", [""])[0]
        if after and after not in {one["name"] for one in found}:
            # As Reddit does where it was taken away.
            return _listed([], None)
        if after:
            found = [one for one in found if int(one["name"][3:], 36) < int(after[3:], 36)]
        size = min(_PAGE, int(asked.query["limit"][0]))
        return _listed(found[:size], found[size - 1]["name"] if len(found) > size else None)

    def _add(self, kind: str, subreddit: str, author: str, fields: dict[str, Any]) -> str:
        with self.lock:
            self._last += 1
            self.subreddits.add(subreddit)
            name = f"{kind}_{_base36(self._last)}"
            self.things[name] = {
                "name": name, "id": name[3:], "subreddit": subreddit, "author": author, "author_fullname": f"t2_{author}",
                "created_utc": float(int(self.now())), "edited": False, "removed_by_category": None,
                "permalink": f"/r/{subreddit}/comments/{name[3:]}/by_{author}/",
            } | fields  # fmt: skip
            return name

    def _take_away(self, name: str, said: str, by: str) -> None:
        with self.lock:
            thing = self.things[name]
            key = "selftext" if name.startswith("t3") else "body"
            thing |= {key: said, f"{key}_html": f"<p>{said}</p>", "author": "[deleted]", "removed_by_category": by}
            del thing["author_fullname"]


def _base36(number: int) -> str:
    digits = ""
    while number:
        number, digit = divmod(number, 36)
        digits = _DIGITS[digit] + digits
    return digits


def _json(found: Any, status: int = 200) -> Answer:
    return Answer(status, json.dumps(found).encode(), {"Content-Type": "application/json; charset=UTF-8"})


def _listed(found: list[dict[str, Any]], after: str | None) -> Answer:
    children = [{"kind": one["name"][:2], "data": one} for one in found]
    return _json(
        {"kind": "Listing", "data": {"after": after, "before": None, "dist": len(children), "children": children}}
    )


@contextmanager
def reddit_site(*subreddits: str) -> Iterator[RedditSite]:
    """A Reddit with these subreddits, on a free port of the loopback."""
    made = RedditSite()
    made.subreddits |= set(subreddits)
    with served(made):
        yield made
