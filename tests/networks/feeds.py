"""Feeds on this machine: RSS 2.0 and Atom with ETags, robots.txt, and the faults of a bad day.

Sources: rssboard.org/rss-specification; RFC 4287 (Atom); RFC 9309 (robots.txt); RFC 9110 (conditional requests).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from xml.sax.saxutils import escape

from shared.text.identity import post_hash
from tests.networks.site import Answer, Asked, Site, served
from tests.networks.source import SECRET


@dataclass(frozen=True)
class Entry:
    """An entry of a feed; `text` is HTML. `written` is sent as it is where it is a text."""

    guid: str | None
    text: str
    written: datetime | str | None = None
    title: str = ""
    author: str = ""
    link: str = ""


class FeedSite(Site):
    """Feeds at `/NAME.rss` and `/NAME.atom`, the same entries in both; each holds the last `holds` entries. `closed`: to nobody."""

    def __init__(self, holds: int = 20) -> None:
        super().__init__()
        self.holds = holds
        self.closed = False
        self.robots = "User-agent: *\nDisallow: /secret\n"
        self.channel = "<ttl>0</ttl><language>en-us</language>"
        self._entries: dict[str, list[Entry]] = {}

    def add(self, name: str, *entries: Entry) -> None:
        """Take in entries; one with a guid that is there already takes its place."""
        with self.lock:
            held = self._entries.setdefault(name, [])
            for entry in entries:
                places = [at for at, one in enumerate(held) if one.guid is not None and one.guid == entry.guid]
                if places:
                    held[places[0]] = entry
                else:
                    held.append(entry)

    def feed(self, name: str, kind: str = "rss") -> str:
        return f"{self.url}/{name}.{kind}"

    def page(self, asked: Asked) -> Answer:
        """See Site."""
        if asked.path == "/robots.txt":
            return Answer(body=self.robots.encode())
        name, _, kind = asked.path.strip("/").partition(".")
        if self.closed:
            return Answer(401)
        if name not in self._entries:
            return Answer(404)
        entries = self._entries[name][-self.holds :][::-1]
        body = (self._rss(entries) if kind == "rss" else _atom(entries)).encode()
        etag = f'"{hashlib.sha256(body).hexdigest()[:16]}"'
        headers = {"Content-Type": f"application/{kind}+xml", "ETag": etag}
        if asked.headers.get("if-none-match") == etag:
            return Answer(304, headers=headers)
        return Answer(body=body, headers=headers)

    def _rss(self, entries: list[Entry]) -> str:
        items = "".join(
            "<item>"
            + (f"<title>{escape(one.title)}</title>" if one.title else "")
            + (f'<guid isPermaLink="false">{escape(one.guid)}</guid>' if one.guid else "")
            + (f"<link>{escape(one.link)}</link>" if one.link else "")
            + (f"<author>{escape(one.author)}</author>" if one.author else "")
            + (f"<pubDate>{_date(one, 'rss')}</pubDate>" if one.written else "")
            + f"<description>{escape(one.text)}</description></item>"
            for one in entries
        )
        return (
            '<?xml version="1.0" encoding="utf-8"?><rss version="2.0"><channel><title>Talk</title>'
            f"<link>http://forum.example.org/</link><description>d</description>{self.channel}{items}</channel></rss>"
        )


def _atom(entries: list[Entry]) -> str:
    items = "".join(
        f"<entry><title>{escape(one.title)}</title><id>{escape(one.guid or '')}</id>"
        f"<author><name>{escape(one.author)}</name></author><updated>{_date(one, 'atom')}</updated>"
        f'<content type="html">{escape(one.text)}</content></entry>'
        for one in entries
    )
    return (
        '<?xml version="1.0" encoding="utf-8"?><feed xmlns="http://www.w3.org/2005/Atom" xml:lang="en">'
        f"<title>Talk</title><id>urn:talk</id><updated>2026-03-01T00:00:00Z</updated>{items}</feed>"
    )


def _date(entry: Entry, kind: str) -> str:
    if isinstance(entry.written, str):
        return entry.written
    written = entry.written or datetime(2026, 3, 1, tzinfo=UTC)
    return format_datetime(written) if kind == "rss" else written.isoformat()


def ours_of(source: str, address: str) -> str:
    """The id that an entry has at adrwatch, by its id at its site."""
    return f"{source}:{post_hash(SECRET, source, address)}"


@contextmanager
def feed_site(holds: int = 20) -> Iterator[FeedSite]:
    """A site on a free port of the loopback."""
    made = FeedSite(holds)
    with served(made):
        yield made
