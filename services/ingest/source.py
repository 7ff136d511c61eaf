"""What every source of posts looks like: a file that is replayed, later a network."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import msgspec

from shared.errors import AdrwatchError
from shared.events import Terms


@dataclass(frozen=True)
class Policy:
    """What the terms of a source allow. Without `keeps_identifiers` no author hash is written (X's default).

    `terms` go with every message that comes from a post of it; None where nobody said what they are.
    """

    keeps_identifiers: bool = True
    terms: Terms | None = None

    @property
    def aggregates_only(self) -> bool:
        """Whether nothing but counts may be kept of its posts."""
        return self.terms is not None and self.terms.aggregates_only


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a record was read. `recipe` is the JSON that tells how to read such a record again (see `recipe.py`)."""

    file: str
    line: int
    recipe: bytes = b""


class RawPost(msgspec.Struct, frozen=True):
    """A post as its source gives it: nothing is masked yet, so it is never written or logged.

    `created_at` is UTC. `author` is a handle or an id at the source. `veiled` returns the original record, identifiers masked,
    for the dead letters; it is called only when the post is refused. `sealed` is the native id as only adrwatch can read it, where
    the network has to be asked whether the post still stands (`networks/seal.py`).
    """

    source: str
    native_id: str
    text: str
    created_at: datetime
    origin: Origin
    veiled: Callable[[], bytes]
    author: str | None = None
    language: str | None = None
    sealed: str | None = None

    @property
    def post_id(self) -> str:
        """The id that the post has everywhere in adrwatch."""
        return f"{self.source}:{self.native_id}"


@dataclass(frozen=True, slots=True)
class Reject:
    """A record that is no post. `detail` never quotes it; `payload` is the original, identifiers masked.

    `withheld`: the source's terms do not let the payload be kept. `source`: where a record of a file without a `post_id` comes
    from; None where that is not certain.
    """

    reason: str
    detail: str
    origin: Origin
    payload: bytes
    post_id: str | None = None
    withheld: bool = False
    source: str | None = None


class Source(Protocol):
    """Yields posts and rejects in the order they are to be published.

    Raises SourceBroken when it ends before its end; what it yielded until then is whole.
    """

    def __iter__(self) -> Iterator[RawPost | Reject]: ...


class SourceBroken(AdrwatchError):
    """A source ended in the middle (a truncated archive): what was read before is published and accounted for.

    `wait_seconds`: how long its network wants to be left alone; None leaves that to the one who follows it.
    """

    def __init__(self, message: str, *, fix: str = "", wait_seconds: float | None = None) -> None:
        super().__init__(message, fix=fix)
        self.wait_seconds = wait_seconds
