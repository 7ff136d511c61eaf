"""Posts and comments as Reddit's listings have them: pure functions.

Sources: www.reddit.com/dev/api ("listings", "fullnames"); the wiki of reddit's open source, "JSON". A thing's fullname is its kind
(t1 a comment, t3 a post) and its id. What its writer deleted, or somebody removed, keeps its place with `[deleted]` or `[removed]`.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from shared.text.html import words_of

POST, COMMENT = "t3", "t1"
_NOBODY = "[deleted]"
# A page of nothing else is none of Reddit; single things go to the dead letters.
_MOST_GARBAGE = 10
_NOTHING = frozenset({"[deleted]", "[removed]", "[deleted by user]", "[removed by moderator]", "[ removed by reddit ]"})


class Thing(msgspec.Struct, frozen=True):
    """A post (`title`, `selftext`) or a comment (`body`). Times are seconds since 1970; `edited` is one where it was edited.

    The HTML is what Reddit makes of the Markdown beside it. `removed_by_category` says of a post that is gone who took it away.
    """

    name: Annotated[str, Meta(pattern=r"^t[13]_[0-9a-z]+$")]
    created_utc: float
    author: str | None = None
    author_fullname: str | None = None
    title: str = ""
    selftext: str = ""
    selftext_html: str | None = None
    body: str = ""
    body_html: str | None = None
    edited: float | bool = False
    removed_by_category: str | None = None

    @property
    def text(self) -> str:
        """What was written, without quotes of others."""
        html = self.selftext_html or self.body_html
        written = words_of(html) if html else self.selftext or self.body
        return "\n\n".join(part for part in (self.title.strip(), written.strip()) if part)

    @property
    def changed(self) -> float:
        """When it was last edited; 0 for one that was not."""
        return float(self.edited)

    @property
    def gone(self) -> bool:
        """Whether its writer, a moderator or Reddit has taken it away."""
        said = (self.title, self.selftext, self.body)
        return self.removed_by_category is not None or any(one.strip().lower() in _NOTHING for one in said)

    @property
    def nobody_s(self) -> bool:
        """Whether the account that wrote it is gone."""
        return self.author is None or self.author == _NOBODY

    def written(self, latest: datetime) -> datetime:
        """When it was written, but not later than `latest`. Raises ValueError for a time that is none."""
        try:
            return min(datetime.fromtimestamp(self.created_utc, UTC), latest)
        except (OverflowError, OSError):
            raise ValueError("a time that is none") from None


class Unreadable(msgspec.Struct, frozen=True):
    """A thing that is none: `key` tells it from others, `detail` what is wrong, `size` its characters."""

    key: str
    detail: str
    size: int


class Page(msgspec.Struct, frozen=True):
    """A page of a listing, the newest first; `after` is where the next one begins, None on the last."""

    children: list[Thing | Unreadable]
    after: str | None


class _Data(msgspec.Struct, frozen=True):
    children: list[dict[str, Any]]
    after: str | None = None


class _Listing(msgspec.Struct, frozen=True, tag_field="kind", tag="Listing"):
    data: _Data


def read_page(answer: object) -> Page:
    """The things of an answer; those of other kinds are left out. Raises ValueError if it is no listing."""
    try:
        listing = msgspec.convert(answer, _Listing).data
    except msgspec.ValidationError as error:
        raise ValueError(f"no listing: {_reason(error)}") from None
    wanted = [one for one in listing.children if one.get("kind") in (POST, COMMENT)]
    things = [_thing(one.get("data")) for one in wanted]
    if len(things) >= _MOST_GARBAGE and not any(isinstance(one, Thing) for one in things):
        raise ValueError("no posts in it")
    return Page(things, listing.after)


def _thing(data: object) -> Thing | Unreadable:
    try:
        thing = msgspec.convert(data, Thing)
        thing.written(datetime.max.replace(tzinfo=UTC))
    except (ValueError, msgspec.ValidationError) as error:
        name = data.get("name") if isinstance(data, dict) else None
        return Unreadable(str(name or data), _reason(error), len(str(data)))
    return thing


def _reason(error: Exception) -> str:
    return str(error).partition(" - at ")[0]
