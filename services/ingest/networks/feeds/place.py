"""How far a source of feeds has come: per feed what its server said of its state, and which entries were read. Pure."""

from __future__ import annotations

import hashlib
from datetime import datetime

import msgspec

# Digits of the hashes of an entry's id and of what it says. Feeds have hundreds of entries, not millions.
_ID, _STATE = 12, 8
_ENTRY = _ID + _STATE
# Entries that are remembered, of all feeds together: some 500 KB in the record of the position, whose limit is a megabyte.
MOST_REMEMBERED = 25_000


class FeedPlace(msgspec.Struct, omit_defaults=True):
    """One feed. `entries`: hashes of ids, each with that of its state, the newest first, without anything in between."""

    etag: str | None = None
    modified: str | None = None
    at: datetime | None = None
    gone: bool = False
    entries: str = ""

    def seen(self) -> dict[str, str]:
        """The state of each entry that was read, by its id: both hashed."""
        starts = range(0, len(self.entries), _ENTRY)
        return {self.entries[at : at + _ID]: self.entries[at + _ID : at + _ENTRY] for at in starts}

    def remember(self, entries: dict[str, str], most: int) -> None:
        """What the feed has now comes first; what it had before is remembered as far as there is room."""
        together = entries | {key: state for key, state in self.seen().items() if key not in entries}
        self.entries = "".join(key + state for key, state in list(together.items())[:most])


_decoder = msgspec.json.Decoder(dict[str, FeedPlace])


def read(cursor: str | None) -> dict[str, FeedPlace]:
    """The places of a source's feeds, by hashed address. A cursor that is none is taken for the beginning: feeds tell it again."""
    try:
        return _decoder.decode(cursor) if cursor else {}
    except msgspec.DecodeError:
        return {}


def written(places: dict[str, FeedPlace]) -> str:
    """The cursor."""
    return msgspec.json.encode(places).decode()


def key_of(address: str) -> str:
    """What a feed or an entry is called in the cursor: addresses may hold keys, and ids the names of people."""
    return _hash(address)[:_ID]


def state_of(*parts: str) -> str:
    """A hash of what an entry says."""
    return _hash("\x1f".join(parts))[:_STATE]


def _hash(text: str) -> str:
    return hashlib.blake2b(text.encode(errors="replace"), digest_size=8).hexdigest()
