"""What the entries of a feed say: pure functions over what feedparser reads.

Sources: RSS 2.0 (rssboard.org/rss-specification), Atom (RFC 4287), and feedparser's documentation of what it makes of both.
"""

from __future__ import annotations

import calendar
import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import feedparser

from services.ingest.times import EARLIEST
from shared.text.html import words_of

# The end of a feed; comments may follow it.
_END = re.compile(rb"</(?:\w+:)?(?:rss|feed|rdf)\s*>", re.IGNORECASE)
_TAIL = 4096


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry. `address` is what it is called everywhere; `written` is None where the feed gives no time that can be."""

    address: str
    text: str
    author: str | None
    written: datetime | None
    language: str | None


@dataclass(frozen=True, slots=True)
class Feed:
    """A feed as it was read. `whole` is false where its XML is broken: what can be read of it is there. `ended` is false where it
    breaks off, so that older entries may be missing. `ttl` is in minutes.
    """

    entries: list[Entry]
    whole: bool
    ended: bool
    ttl: float


def read_feed(body: bytes, content_type: str, address: str) -> Feed:
    """The feed of an answer. Raises ValueError, without quoting it, where it is none."""
    # feedparser takes the address of relative links and the type from the headers that it is given; scripts and styles are removed.
    headers = {"content-type": content_type, "content-location": address}
    parsed = feedparser.parse(body, response_headers=headers)
    if not parsed.get("version") and not parsed.entries:
        raise ValueError("no RSS and no Atom")
    trouble = parsed.get("bozo_exception")
    harmless = isinstance(trouble, feedparser.CharacterEncodingOverride | feedparser.NonXMLContentType)
    entries = list(_entries(parsed, urlsplit(address).netloc))
    whole = trouble is None or harmless
    ended = whole or _END.search(body[-_TAIL:].replace(b"\0", b"")) is not None
    if not ended:
        # The half of an entry is not what its author says: taken for an edit, it would take back what was published.
        entries = entries[:-1]
    return Feed(entries, whole=whole, ended=ended, ttl=_minutes(parsed.feed.get("ttl")))


def _entries(parsed: Any, host: str) -> Iterator[Entry]:
    for entry in parsed.entries:
        written = _time(entry, "published_parsed") or _time(entry, "updated_parsed")
        text = _text(entry)
        author = str(entry.get("author") or "").strip()
        yield Entry(
            address=_address(entry, host, text),
            text=text,
            # One name at two sites is two people.
            author=f"{host}/{author}" if author else None,
            written=written,
            language=_language(entry) or _language(parsed.feed),
        )


def _address(entry: Mapping[str, Any], host: str, text: str) -> str:
    """The id of an entry; one that is no address is an id of this site only. Without one, the link and a hash of the title."""
    named = "".join(str(entry.get("id") or "").split())
    if named:
        return named if ":" in named else f"{host}/{named}"
    link = "".join(str(entry.get("link") or "").split()) or host
    told = str(entry.get("title") or "") + str(entry.get("published") or "") or text
    return f"{link}#{hashlib.sha256(told.encode(errors='replace')).hexdigest()[:16]}"


def _text(entry: Mapping[str, Any]) -> str:
    contents = [entry["summary_detail"]] if entry.get("summary_detail") else []
    contents += entry.get("content") or []
    # Some feeds give an excerpt and the whole text.
    body = max((_words(one) for one in contents), key=len, default="")
    title = _words(entry["title_detail"]) if entry.get("title_detail") else ""
    # The title of an answer is another's words; where there is no title, some feeds cut it out of the text.
    if not title or title.lower().startswith("re:") or body.startswith(title.rstrip("….")):
        return body
    return f"{title}\n\n{body}".strip()


def _words(detail: Mapping[str, Any]) -> str:
    value = str(detail.get("value") or "")
    return value.strip() if detail.get("type") == "text/plain" and "<" not in value else words_of(value)


def _time(entry: dict[str, Any], name: str) -> datetime | None:
    # As it stands: feedparser's own `get` gives one time for another.
    found = dict.get(entry, name)
    if not found:
        return None
    try:
        moment = datetime.fromtimestamp(calendar.timegm(found), UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return moment if moment >= EARLIEST else None


def _language(about: Mapping[str, Any]) -> str | None:
    found = about.get("language")
    return found if isinstance(found, str) and found else None


def _minutes(value: object) -> float:
    """RSS's `ttl`; 0 where there is none that can be read."""
    text = str(value or "").strip()
    return float(text) if text.isascii() and text.isdecimal() else 0.0
