"""Every parser that reads what a network, a sender or a file says: how it is called, what it says it raises, and right samples."""

from __future__ import annotations

import contextlib
import functools
import gzip
import json
import lzma
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import msgspec
import zstandard
from starlette.exceptions import HTTPException

from services.annotation import brat, cas, tsv
from services.dashboard.api import cursors
from services.ingest.columns import Columns
from services.ingest.networks.bluesky import block, jetstream, subscribe_events
from services.ingest.networks.bluesky.archive import Archive
from services.ingest.networks.bluesky.shown import Shown
from services.ingest.networks.discourse.api import Forum
from services.ingest.networks.discourse.configuration import Discourse
from services.ingest.networks.feeds.entries import read_feed
from services.ingest.networks.keys import Names
from services.ingest.networks.mastodon import statuses
from services.ingest.networks.mastodon.reader import Frame as MastodonFrame
from services.ingest.networks.reddit import things
from services.ingest.networks.robots import Robots
from services.ingest.networks.unpacked import PackedError, unpacked
from services.ingest.networks.web import Page
from services.ingest.networks.x import posts as x
from services.ingest.push.records import BadBodyError, deletion_of, post_of, split
from services.ingest.readers import open_reader
from services.ingest.source import SourceBroken
from services.ingest.times import parse_time
from services.ingest.veil import veil_line
from shared import retry_after
from shared.corpora.documents import check, dumped, read_annotated
from shared.errors import AdrwatchError, BadMessage
from shared.events import decode, encode
from shared.examples import EXAMPLES
from shared.keyring import Keyring
from shared.not_json import NOT_JSON
from shared.text.clean import fingerprint, mask
from shared.text.html import words_of
from shared.topics import TOPICS
from shared.webhooks import UnsignedError, claim
from tests.networks.jetstream import account, delete, packed, post
from tests.unit.annotation import test_tool_files as tool_files
from tests.unit.annotation.documents import headache

NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
NOW_US = int(NOW.timestamp() * 1e6)
_KEYRING = Keyring.of("a secret of authors for tests")
_NAMES = Names("vendor", lambda: _KEYRING, keeps_ids=False, keeps_identifiers=True, future=600.0)
_DID = "did:plc:somebodysomebodysomebody"


@dataclass(frozen=True)
class Parser:
    """`errors`: what it says that it raises."""

    read: Callable[[bytes], Any]
    errors: tuple[type[BaseException], ...]
    samples: tuple[bytes, ...]


class _Answers:
    """A Web that answers everything with one body."""

    def __init__(self, body: bytes, status: int = 200) -> None:
        self._page = Page(status, httpx.Headers({"Retry-After": "5", "Date": "Mon, 02 Mar 2026 09:30:00 GMT"}), body)

    def get(self, *_: object, **__: object) -> Page:
        return self._page


def _answered(made: Any, body: bytes, status: int = 200) -> Any:
    made._web = _Answers(body, status)
    return made


# Making one takes a tenth of a second, for it reads the authorities of the system.
@functools.cache
def _asked_of_bluesky() -> Shown:
    return Shown("https://api.example.org", "https://plc.example.org", private=True)


@functools.cache
def _asked_of_jetstream() -> Archive:
    return Archive("wss://jetstream.example.org", ["app.bsky.feed.post"])


@functools.cache
def _asked_of_discourse() -> Forum:
    return Forum(Discourse(forum="https://forum.example.org", pause_seconds=0), "a key")


def _words(data: bytes) -> str:
    return data.decode(errors="replace")


def _json(*documents: Any) -> tuple[bytes, ...]:
    return tuple(json.dumps(one).encode() for one in documents)


def _jetstream(read: Callable[[bytes, int, int], Any], data: bytes) -> None:
    frame = read(data, NOW_US, 600_000_000)
    if isinstance(frame, jetstream.Frame):
        _frame(frame)


def _frame(frame: jetstream.Frame) -> None:
    if frame.commit is not None:
        jetstream.text_of(frame.commit.record)
        if isinstance(frame.commit.record, dict):
            jetstream.languages_of(frame.commit.record)
            jetstream.time_of(frame.commit.record, frame)


def _block(data: bytes) -> None:
    for row in block.rows(data, ["app.bsky.feed.post"]):
        row.outline()
        _frame(jetstream.checked(row.frame(), NOW_US, 600_000_000))


def _shown(data: bytes) -> None:
    asked = _asked_of_bluesky()
    with contextlib.suppress(SourceBroken):
        _answered(asked, data, 404).many([f"{_DID}/app.bsky.feed.post/3k"])
    _answered(asked, data).many([f"{_DID}/app.bsky.feed.post/3k"])


def _one_shown(data: bytes) -> None:
    _answered(_asked_of_bluesky(), data).one(f"{_DID}/app.bsky.feed.post/3k")


def _archive(data: bytes) -> None:
    archive = _answered(_asked_of_jetstream(), data)
    for _, _segment in zip(range(20), archive._segments(), strict=False):
        pass


def _x(data: bytes) -> None:
    line = x.read_line(data)
    for tweet in (line.data,) if line.data else ():
        _ = tweet.at, tweet.whole_text, tweet.language, tweet.earlier


def _x_page(data: bytes) -> None:
    for tweet in x.read_page(_plain(data)):
        _ = tweet.whole_text, tweet.language


def _plain(data: bytes) -> Any:
    try:
        return msgspec.json.decode(data)
    except NOT_JSON:
        return None


def _status(data: bytes) -> None:
    status = _plain(data)
    if not isinstance(status, dict):
        return
    statuses.why_not(status, True)
    statuses.text_of(status)
    statuses.author_of(status)
    statuses.time_of(status, NOW)
    statuses.version_of(status)
    name = statuses.id_of(status)
    statuses.order(name)
    statuses.moment_of(name)
    statuses.earlier(name, 300.0)
    statuses.uri_of(status)


def _mastodon_frame(data: bytes) -> None:
    frame = msgspec.json.decode(data, type=MastodonFrame)
    msgspec.json.decode(frame.payload or "{}", type=dict)


def _reddit(data: bytes) -> None:
    for thing in things.read_page(_plain(data)).children:
        if isinstance(thing, things.Thing):
            _ = thing.text, thing.changed, thing.gone, thing.written(NOW)


def _forum(data: bytes) -> None:
    forum = _asked_of_discourse()
    with contextlib.suppress(SourceBroken):
        _answered(forum, data, 429).latest()
    for one in _answered(forum, data).latest():
        words_of(one.cooked)
        _ = one.gone, one.written(NOW), one.edited_since(NOW, NOW)


def _push(data: bytes) -> None:
    for lines in (True, False):
        for number, record in enumerate(split(data, lines)):
            post_of(record, number, _NAMES, ("en",))
            deletion_of(record, number, _NAMES)


def _headers(data: bytes) -> None:
    identity, moment, signature, *_ = [*data.decode("latin-1").split("\n"), "", "", ""]
    headers = {"webhook-id": identity, "webhook-timestamp": moment, "webhook-signature": signature}
    claim(headers, 1_772_443_800.0, 300.0).fits([b"a key"], b"[]")


def _waits(data: bytes) -> None:
    said = data.decode("latin-1")
    retry_after.seconds(said, clock=said)
    Page(
        200, httpx.Headers({"Date": said.encode("ascii", "replace").replace(b"\r", b"").replace(b"\n", b"")}), b""
    ).clock_ahead()


def _file(form: str, data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "posts"
        path.write_bytes(data)
        for _item in open_reader(str(path), form, Columns(), "replay", lambda _source, _author: "0" * 32):
            pass


def _cursor(data: bytes) -> None:
    cursors.first_of(_words(data))
    cursors.key_of(_words(data), tuple[int, str])
    cursors.page_of([(1, "a")], lambda one: one, _words(data), 10)


def _archives(plain: bytes) -> tuple[bytes, ...]:
    return gzip.compress(plain), lzma.compress(plain), zstandard.compress(plain)


_JSONL = b'{"id": "1", "text": "zoloft makes me dizzy", "created_at": "2026-03-02T09:30:00Z", "user": "anna"}\n' * 3
_CSV = b'id,text,created_at,user\n1,"zoloft, ""again""",2026-03-02T09:30:00Z,anna\n2,dizzy,1772443800,bert\n'
_RSS = b"""<?xml version="1.0"?><!DOCTYPE rss [<!ENTITY a "aaaa">]><rss version="2.0"><channel><title>t</title><ttl>60</ttl>
<item><title>zoloft</title><description>&lt;p&gt;dizzy &amp;#233; &a;&lt;/p&gt;</description><guid>1</guid>
<pubDate>Mon, 02 Mar 2026 09:30:00 GMT</pubDate></item></channel></rss>"""
_ATOM = b"""<feed xmlns="http://www.w3.org/2005/Atom" xml:lang="en"><entry><id>urn:1</id><title type="html">a &lt;b&gt;</title>
<updated>2026-03-02T09:30:00Z</updated><author><name>anna</name></author>
<content type="xhtml"><div>dizzy</div></content></entry></feed>"""
_BOMB = b'<!DOCTYPE r [<!ENTITY a "aaaaaaaaaa">' + b"".join(
    b'<!ENTITY %c "%s">' % (one + 1, b"&%c;" % one * 10) for one in range(97, 107)
) + b"]><rss><channel><item><title>&k;</title></item></channel></rss>"  # fmt: skip
_STATUS = {
    "id": "114090000000000000", "uri": "https://example.org/s/1", "created_at": "2026-03-02T09:30:00.000Z", "visibility": "public",
    "spoiler_text": "zoloft", "content": "<p>dizzy <a class='mention'>@anna</a></p>", "edited_at": None, "reblog": None,
    "account": {"uri": "https://example.org/u/1", "note": "<p>hello</p>", "noindex": False, "indexable": True},
}  # fmt: skip
_TWEET = {
    "id": "1896100000000000000", "text": "zoloft &amp; dizzy", "created_at": "2026-03-02T09:30:00.000Z", "lang": "en",
    "author_id": "12345", "edit_history_tweet_ids": ["1896000000000000000", "1896100000000000000"], "note_tweet": {"text": "long"},
}  # fmt: skip
_FACET = {"index": {"byteStart": 0, "byteEnd": 5}, "features": [{"$type": "app.bsky.richtext.facet#mention"}]}
_POST = post(_DID, "3k1", "@anna zoloft makes me dizzy", NOW_US - 1, facets=[_FACET])
_SECOND = {
    "$type": "m", "payload": {
        "$type": "network.bsky.jetstream.subscribeEvents#commit", "did": _DID, "witnessedAt": "2026-03-02T09:29:59Z",
        "operation": "create", "collection": "app.bsky.feed.post", "rkey": "3k1", "record": _POST["commit"]["record"],
    },
}  # fmt: skip
_THING = {
    "kind": "t1", "data": {"name": "t1_abc", "created_utc": 1772443800.0, "author": "anna", "body": "a", "body_html": "<p>a</p>"},
}  # fmt: skip
_FORUM = {
    "latest_posts": [
        {"id": 3, "cooked": "<p>zoloft</p>", "created_at": "2026-03-02T09:30:00Z", "username": "anna", "version": 2}
    ]
}


def _brat(data: bytes) -> None:
    check(brat.read("p1", tool_files.TEXT, _words(data), "p1.ann"))


def _tsv(data: bytes) -> None:
    check(tsv.read("p1", _words(data), "p1.tsv"))


@functools.cache
def _cas_types() -> Any:
    return cas.read_types(tool_files.TYPES.encode(), "TypeSystem.xml")


def _cas(data: bytes) -> None:
    check(cas.read("p1", data, _cas_types(), "p1.xmi"))


def _corpus(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "corpus.jsonl"
        path.write_bytes(data)
        read_annotated(path)


PARSERS: dict[str, Parser] = {
    f"events of {topic.suffix}": Parser(
        functools.partial(decode, kind=topic.event), (BadMessage,),
        tuple(encode(one) for one in EXAMPLES if type(one) is topic.event) or (b"{}",),
    )
    for topic in TOPICS
}  # fmt: skip
PARSERS |= {
    "frames of Jetstream": Parser(
        functools.partial(_jetstream, jetstream.read_frame), (ValueError,),
        _json(_POST, delete(_DID, "3k1", NOW_US), account(_DID, NOW_US)),
    ),
    "frames of Jetstream's second protocol": Parser(
        functools.partial(_jetstream, subscribe_events.read_frame), (ValueError,), _json(_SECOND)
    ),
    "blocks of Jetstream's archive": Parser(
        _block, (ValueError,), (packed([_POST | {"seq": 1}, account(_DID, NOW_US) | {"seq": 2}]),)
    ),
    "answers of Jetstream's archive": Parser(
        _archive, (SourceBroken,), _json({"segments": [{"name": "a", "maxSeq": 1, "maxWitnessedAt": 2}]})
    ),
    "answers of Bluesky's AppView": Parser(_shown, (SourceBroken,), _json({"posts": [{"uri": f"at://{_DID}/a/b"}]})),
    "documents of accounts of Bluesky": Parser(
        _one_shown, (SourceBroken,), _json({"service": [{"id": "#atproto_pds", "serviceEndpoint": "https://pds.example.org"}]})
    ),
    "lines of X": Parser(_x, (ValueError,), _json({"data": _TWEET}, {"errors": [{"title": "t", "detail": "d"}]})),
    "pages of X's search": Parser(_x_page, (ValueError,), _json({"data": [_TWEET]})),
    "what is kept of a line of X": Parser(lambda data: x.veil(data, lambda _: "hmac:0"), (), _json({"data": _TWEET})),
    "statuses of Mastodon": Parser(_status, (ValueError,), _json(_STATUS)),
    "events of Mastodon's stream": Parser(
        _mastodon_frame, NOT_JSON, _json({"event": "update", "stream": ["public"], "payload": json.dumps(_STATUS)})
    ),
    "listings of Reddit": Parser(_reddit, (ValueError,), _json({"kind": "Listing", "data": {"children": [_THING], "after": None}})),
    "feeds": Parser(
        lambda data: read_feed(data, "application/xml", "https://feeds.example.org/rss"), (ValueError,), (_RSS, _ATOM, _BOMB)
    ),
    "posts of Discourse": Parser(_forum, (SourceBroken,), _json(_FORUM, {"extras": {"wait_seconds": 7}})),
    "robots.txt": Parser(
        lambda data: Robots(_Answers(data)).delay("https://forum.example.org/posts.json?before=1"),  # type: ignore[arg-type]
        (SourceBroken,), (b"User-agent: *\nDisallow: /a*b*c$\nCrawl-delay: 5\nSitemap: x\n",),
    ),
    "how long a site asks to be left alone": Parser(_waits, (), (b"120", b"Mon, 02 Mar 2026 09:30:00 GMT")),
    "pushed records": Parser(
        _push, (BadBodyError,), _json([{"id": "anna/1", "text": "zoloft", "created_at": "2026-03-02T09:30:00Z", "author": "anna"}])
    ),
    "signatures of pushed requests": Parser(_headers, (UnsignedError,), (b"msg-1\n1772443800\nv1,AAAA v1,BBBB",)),
    "packed bodies of answers": Parser(
        lambda data: sum(map(len, unpacked([data], "gzip"))), (PackedError,), (gzip.compress(_JSONL),)
    ),
    "files of JSON lines": Parser(functools.partial(_file, "jsonl"), (AdrwatchError,), (_JSONL, *_archives(_JSONL))),
    "files of comma-separated values": Parser(functools.partial(_file, "csv"), (AdrwatchError,), (_CSV, *_archives(_CSV))),
    "files of tab-separated values": Parser(functools.partial(_file, "tsv"), (AdrwatchError,), (_CSV.replace(b",", b"\t"),)),
    "cursors of the dashboard": Parser(_cursor, (HTTPException,), (cursors.cursor_of((1, "a")).encode(),)),
    "HTML": Parser(lambda data: words_of(_words(data)), (), (b"<p>dizzy<br>&#233; <blockquote>no</blockquote></p>",)),
    "texts that are masked": Parser(
        lambda data: fingerprint(mask(_words(data))), (), (b"RT @anna: call +1 202 555 0143, anna@example.org u/anna https://a.org/b",)
    ),
    "texts of Bluesky that are masked": Parser(
        lambda data: jetstream.mask_people(_words(data)), (), (b"@anna.example.org did:plc:abc anna.bsky.social",)
    ),
    "notes of brat": Parser(_brat, (AdrwatchError,), (tool_files.ANN.encode(),)),
    "WebAnno TSV": Parser(_tsv, (AdrwatchError,), (tool_files.TSV.encode(),)),
    "UIMA CAS XMI": Parser(_cas, (AdrwatchError,), (tool_files.XMI.encode(), _BOMB)),
    "type systems of UIMA": Parser(
        lambda data: cas.read_types(data, "TypeSystem.xml"), (AdrwatchError,), (tool_files.TYPES.encode(), _BOMB)
    ),
    "corpora": Parser(_corpus, (AdrwatchError,), (dumped([headache()]),)),
    "what is kept of a line": Parser(lambda data: veil_line(data, lambda _: "hmac:0"), (), (_JSONL, _CSV)),
    "times": Parser(
        lambda data: parse_time(_words(data)), (ValueError,),
        (b"2026-03-02T09:30:00Z", b"1772443800", b"Mon Mar 02 09:30:00 +0000 2026", b"20260302"),
    ),
}  # fmt: skip
