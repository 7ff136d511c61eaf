"""Jetstream's frames, and the posts of Bluesky in them: pure functions.

Sources: the README of bluesky-social/jetstream-legacy and section 5.1 of docs/README.md of bluesky-social/jetstream (the frames of
`/subscribe`, the same in both); the lexicon app.bsky.feed.post; the AT Protocol's specifications of handles, DIDs and accounts.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any, TypeVar

import msgspec

from services.ingest.times import parse_time
from services.ingest.veil import Pseudonym, veil_line
from shared.not_json import NOT_JSON
from shared.text.clean import HANDLE_MASK

# Matters of servers. In any other state that is not active (deleted, takendown, suspended, deactivated), nobody is to redistribute
# what an account has written.
_STILL_SHOWN = frozenset({"desynchronized", "throttled"})

_MENTION = "app.bsky.richtext.facet#mention"
_DID = re.compile(r"did:[a-z]+:[\w.:%-]+")
# Handles are names of hosts: `@jane-doe.example.org`; without the sign only those of the largest host are told from addresses.
_HOST = r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?"
_HANDLE = re.compile(rf"(?<![\w.@-])@{_HOST}|\b[a-z0-9-]{{1,63}}\.bsky\.social\b", re.IGNORECASE)


class Commit(msgspec.Struct, frozen=True):
    """A change of one record: create, update or delete, which has no record."""

    operation: str
    collection: str
    rkey: str
    record: Any = None


class Account(msgspec.Struct, frozen=True):
    """Whether an account's content may be shown, and if not, why."""

    active: bool
    status: str | None = None

    @property
    def gone(self) -> bool:
        """Whether its posts are to be taken back (atproto.com/specs/account)."""
        return not self.active and self.status not in _STILL_SHOWN


class Frame(msgspec.Struct, frozen=True):
    """One event. `time_us` is when Jetstream saw it, in microseconds since 1970, and its cursor; `did` is the account."""

    did: str
    time_us: int
    kind: str
    commit: Commit | None = None
    account: Account | None = None

    @property
    def at(self) -> datetime:
        """When Jetstream saw it."""
        return datetime.fromtimestamp(self.time_us / 1e6, UTC)


T = TypeVar("T")
_decoder = msgspec.json.Decoder(Frame)


def read_frame(data: str | bytes, now_us: int, future_us: int) -> Frame:
    """The event of a frame. Raises ValueError, without quoting it, if it is none or its time cannot be a cursor."""
    return checked(decoded(_decoder, data), now_us, future_us)


def decoded(decoder: msgspec.json.Decoder[T], data: str | bytes) -> T:
    """What a frame holds. Raises ValueError, without quoting it, if it is nothing of the kind."""
    try:
        return decoder.decode(data)
    except msgspec.ValidationError as error:
        raise ValueError(f"no event of Jetstream: {str(error).partition(' - at ')[0]}") from None
    except NOT_JSON:
        raise ValueError("no JSON") from None


def checked(frame: Frame, now_us: int, future_us: int) -> Frame:
    """The event. Raises ValueError if it is not whole, or its time cannot be a cursor."""
    # A later one would be taken for the position, and everything until then be passed over.
    if not 0 <= frame.time_us <= now_us + future_us:
        raise ValueError("its time is not of the past")
    if not frame.did or (frame.kind == "commit" and frame.commit is None):
        raise ValueError("an event without its account or its change")
    return frame


def veil_frame(data: str | bytes, hashed: Pseudonym) -> bytes:
    """A frame that is no event, as the dead letters may keep it: accounts become hashes, handles and addresses are masked."""
    text = data if isinstance(data, str) else data.decode(errors="replace")
    return veil_line(mask_people(_DID.sub(lambda found: hashed(found[0]), text)).encode(errors="replace"), hashed)


def mask_people(text: str) -> str:
    """The text without handles of Bluesky and ids of accounts, which `shared.text.clean.mask` does not know."""
    # Most texts have neither, and both searches look at every character; case is that of the search.
    if "did:" in text:
        text = _DID.sub(HANDLE_MASK, text)
    return _HANDLE.sub(HANDLE_MASK, text) if "@" in text or ".bsky" in text.casefold() else text


def text_of(record: Any) -> str:
    """What a person wrote, without handles; empty where the record has no text. Whatever else it holds is no hindrance."""
    text = record.get("text") if isinstance(record, dict) else None
    if not isinstance(text, str):
        return ""
    mentions = _mentions(record.get("facets"))
    if not mentions and text.isascii():
        return mask_people(text)
    data = text.encode(errors="replace")
    for start, end in sorted(mentions, reverse=True):
        data = data[:start] + HANDLE_MASK.encode() + data[end:]
    return mask_people(data.decode(errors="replace"))


def _mentions(facets: Any) -> list[tuple[int, int]]:
    """The bytes of the text that name an account, without overlaps: apps may show any words there."""
    found: list[tuple[int, int]] = []
    for facet in facets if isinstance(facets, list) else ():
        try:
            index = facet["index"]
            start, end = index["byteStart"], index["byteEnd"]
            if any(feature["$type"] == _MENTION for feature in facet["features"]) and 0 <= start < end:
                found.append((int(start), int(end)))
        except (KeyError, TypeError):
            # Nothing keeps people from writing records that no app would.
            continue
    apart: list[tuple[int, int]] = []
    for start, end in sorted(found):
        if not apart or start >= apart[-1][1]:
            apart.append((start, end))
    return apart


def time_of(record: dict[str, Any], frame: Frame) -> datetime:
    """When a post was written: as it says itself, but never later than it was seen (Bluesky's own order of feeds)."""
    try:
        return min(parse_time(str(record["createdAt"])), frame.at)
    except (KeyError, ValueError):
        return frame.at


def languages_of(record: dict[str, Any]) -> list[str]:
    """The languages that the writer's app states, such as `en` or `pt-BR`."""
    found = record.get("langs")
    return [one for one in found if isinstance(one, str)] if isinstance(found, list) else []
