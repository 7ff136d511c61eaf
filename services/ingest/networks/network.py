"""What a network looks like to the frame that follows it: `follow.py` does the rest for all of them."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from services.ingest.source import RawPost, Reject
from shared.events import AskedBy


@dataclass(frozen=True, slots=True)
class PostGone:
    """A post was deleted at its network, or is not to be kept as it is now. `post_id` is the id it has everywhere in adrwatch, or
    an alias of it.

    `asked_by`: whether that was seen at the network, or its compliance service said so. `edited`: it still stands there, and a
    later version may come.
    """

    post_id: str
    asked_by: AskedBy = "network"
    edited: bool = False


@dataclass(frozen=True, slots=True)
class Alias:
    """Another name of a post, under which its network may say that it was deleted; both are ids as adrwatch has them."""

    post_id: str
    alias: str


@dataclass(frozen=True, slots=True)
class AuthorGone:
    """An author and everything of theirs is gone. `author` is the network's own id: it is hashed before it is kept."""

    author: str


@dataclass(frozen=True, slots=True)
class Passed:
    """An event that is nothing to adrwatch, and why: a word for the metrics.

    `seam`: what follows is read from elsewhere, and need not begin where that ended which came before.
    """

    reason: str
    seam: bool = False


Item = RawPost | Reject | PostGone | Alias | AuthorGone | Passed


class Network(Protocol):
    """A network that is read from a place on.

    `cursor` is the place, in the network's own terms, from which everything after the items that were yielded so far comes again;
    `reached` is the network's time of the last of them.
    """

    cursor: str | None
    reached: datetime | None

    def follow(self, cursor: str | None) -> Generator[Item | None, None, None]:
        """What the network has from the place on (None: from now on), a None whenever nothing comes for a moment.

        It may repeat what came before the place. Raises SourceBroken when the connection ends, fails or falls silent; what was
        yielded until then is whole.
        """

    def check(self) -> str:
        """Connect and wait for one event; says in a few words what was found. Raises SourceBroken."""
