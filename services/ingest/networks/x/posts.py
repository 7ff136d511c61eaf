"""Lines of X's stream and results of its search, and the posts in them: pure functions.

Sources: docs.x.com, the data dictionary of posts, "Post edits", and "X IDs": an id begins with the milliseconds since X's own epoch
(1288834974657 ms after 1970), followed by 22 bits of machine and sequence.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

import msgspec

from services.ingest.veil import Pseudonym, veil_line
from shared.not_json import NOT_JSON
from shared.text.html import unescaped

_EPOCH_MS = 1_288_834_974_657
_SHIFT = 22
_NUMBER = re.compile(r"\d{5,}")
# Words of X for "no language that we know": docs.x.com, "lang:".
_NO_LANGUAGE = frozenset({"und", "zxx", "art", "qam", "qct", "qht", "qme", "qst"})


# Ids have 64 bits.
_MOST_DIGITS = 20


def _is_number(post_id: str) -> bool:
    return post_id.isascii() and post_id.isdecimal() and len(post_id) <= _MOST_DIGITS


class Note(msgspec.Struct, frozen=True):
    """The whole text of a long post."""

    text: str = ""


class Tweet(msgspec.Struct, frozen=True):
    """A post. `edit_history_tweet_ids` has the ids of its earlier versions, oldest first, and its own."""

    id: str
    text: str = ""
    created_at: str | None = None
    lang: str | None = None
    author_id: str | None = None
    edit_history_tweet_ids: tuple[str, ...] = ()
    note_tweet: Note | None = None

    @property
    def at(self) -> datetime:
        """When it was written, as its id says. Raises ValueError for an id that is none."""
        return moment(int(self.id))

    @property
    def whole_text(self) -> str:
        """What was written, without X's escapes of `&`, `<` and `>`."""
        return unescaped(self.note_tweet.text if self.note_tweet and self.note_tweet.text else self.text)

    @property
    def language(self) -> str | None:
        """X's guess of the language, if it has one."""
        return None if self.lang in _NO_LANGUAGE else self.lang

    @property
    def earlier(self) -> tuple[str, ...]:
        """The ids of the versions that this one takes the place of."""
        return tuple(one for one in self.edit_history_tweet_ids if _is_number(one) and int(one) < int(self.id))


class Problem(msgspec.Struct, frozen=True):
    """An error that X sends in place of a post (RFC 7807)."""

    title: str = ""
    detail: str = ""
    type: str = ""


class Line(msgspec.Struct, frozen=True):
    """One line of the stream: a post, or what X has to say."""

    data: Tweet | None = None
    errors: tuple[Problem, ...] = ()


class Page(msgspec.Struct, frozen=True):
    """One page of recent search."""

    data: tuple[Tweet, ...] = ()


def first_id(moment_ms: float) -> int:
    """The smallest id that a post of a time has, in ms since 1970."""
    return max(0, int(moment_ms) - _EPOCH_MS) << _SHIFT


def milliseconds(post_id: int) -> int:
    """When an id was given, in ms since 1970."""
    return (post_id >> _SHIFT) + _EPOCH_MS


def moment(post_id: int) -> datetime:
    """When an id was given. Raises ValueError for one of no time that there is."""
    try:
        return datetime.fromtimestamp(milliseconds(post_id) / 1000, UTC)
    except (OverflowError, OSError):
        raise ValueError("an id of no time") from None


_lines = msgspec.json.Decoder(Line)


def read_line(data: bytes) -> Line:
    """A line of the stream. Raises ValueError, without quoting it, if it is none."""
    try:
        line = _lines.decode(data)
    except msgspec.ValidationError as error:
        raise ValueError(f"no line of X: {str(error).partition(' - at ')[0]}") from None
    except NOT_JSON:
        raise ValueError("no JSON") from None
    if line.data is not None:
        if not _is_number(line.data.id):
            raise ValueError("a post without an id")
        _ = line.data.at
    elif not line.errors:
        raise ValueError("neither a post nor an error")
    return line


def read_page(answer: object) -> tuple[Tweet, ...]:
    """The posts of a page of search. Raises ValueError if it is none."""
    try:
        return msgspec.convert(answer, Page).data
    except msgspec.ValidationError as error:
        raise ValueError(f"no page of X: {str(error).partition(' - at ')[0]}") from None


def veil(data: bytes, hashed: Pseudonym) -> bytes:
    """A line that cannot be read, as the dead letters may keep it: ids become zeros, handles and addresses are masked."""
    return veil_line(_NUMBER.sub("0", data.decode(errors="replace")).encode(errors="replace"), hashed)
