"""The sources file: named sources, each of a network, read and checked."""

from __future__ import annotations

from typing import Annotated, Literal
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta

from services.ingest.readers import SOURCE_NAME
from services.ingest.source import Policy
from shared import named_tables
from shared.errors import AdrwatchError
from shared.settings import Settings

PAGE = "docs/sources.md"

Endpoint = Annotated[str, Meta(pattern=r"^wss?://[^\s/?#@]+(/[^\s?#]*)?$")]
Collection = Annotated[str, Meta(pattern=r"^[a-zA-Z][a-zA-Z0-9-]*(\.[a-zA-Z0-9-]+)+(\.\*)?$")]
Language = Annotated[str, Meta(pattern=r"^[a-z]{2,3}$")]


class _Source(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, tag_field="type"):
    """What sources of every network have.

    `identifiers`: drop (no author hash), hmac (keyed hashes in place of author and id) or keep (the post's id at its network
    stays readable). `screen`: only posts that name a medicine are published. `text_days`: texts are forgotten earlier than by the
    topics' own retention.
    """

    identifiers: Literal["drop", "hmac", "keep"] = "hmac"
    languages: tuple[Language, ...] = ()
    screen: bool = True
    text_days: Annotated[float, Meta(gt=0, le=7)] | None = None

    @property
    def policy(self) -> Policy:
        """What is kept of people."""
        return Policy(keeps_identifiers=self.identifiers != "drop")


class Bluesky(_Source, frozen=True, kw_only=True, tag="bluesky"):
    """Bluesky by Jetstream, which is open to everybody. Endpoints are tried in turn."""

    endpoints: Annotated[tuple[Endpoint, ...], Meta(min_length=1)] = (
        "wss://jetstream1.us-east.bsky.network/subscribe",
        "wss://jetstream2.us-east.bsky.network/subscribe",
        "wss://jetstream1.us-west.bsky.network/subscribe",
        "wss://jetstream2.us-west.bsky.network/subscribe",
    )
    collections: Annotated[tuple[Collection, ...], Meta(min_length=1, max_length=100)] = ("app.bsky.feed.post",)
    rewind_seconds: Annotated[float, Meta(ge=0, le=3600)] = 10.0
    stall_seconds: Annotated[float, Meta(gt=0, le=3600)] = 60.0

    @property
    def address(self) -> str:
        """Where it comes from, for people."""
        more = len(self.endpoints) - 1
        return self.endpoints[0] + (f" and {more} more" if more else "")


# What a source may be; each network is one more.
Source = Bluesky
_KINDS = (Bluesky,)


def load(settings: Settings) -> dict[str, Source]:
    """The sources by name. Raises AdrwatchError naming the first thing that is wrong."""
    found, wrong = examine(settings)
    if wrong:
        raise wrong[0]
    return found


def examine(settings: Settings) -> tuple[dict[str, Source], list[AdrwatchError]]:
    """The sources that are right, and everything that is wrong. Raises AdrwatchError where the file cannot be read at all."""
    path = settings.sources_file
    if path is None:
        raise AdrwatchError("no sources are configured", fix=f"set ADRWATCH_SOURCES_FILE ({PAGE})")
    raw = named_tables.read(path, "ADRWATCH_SOURCES_FILE")
    tables = raw.get("sources")
    if not isinstance(tables, dict) or not tables:
        raise AdrwatchError(f"{path} has no source", fix="write a table such as [sources.bluesky]")
    wrong = [named_tables.unknown(key, ("sources",), str(path)) for key in raw.keys() - {"sources"}]
    sources: dict[str, Source] = {}
    for name, table in tables.items():
        try:
            sources[name] = _source(name, table)
        except AdrwatchError as error:
            wrong.append(error)
    return sources, wrong


def chosen(sources: dict[str, Source], name: str | None) -> dict[str, Source]:
    """One source by its name, or all where no name is given. Raises AdrwatchError where there is none of that name."""
    if name is None:
        return sources
    if name not in sources:
        raise AdrwatchError(f"there is no source {name}", fix=f"sources are {', '.join(sources)}")
    return {name: sources[name]}


def _source(name: str, table: object) -> Source:
    where = f"source {name}"
    if not SOURCE_NAME.fullmatch(name):
        raise AdrwatchError(f"{where}: no name for a source", fix="use small letters, digits, - and _, 32 at most")
    source: Source = named_tables.convert(where, table, _KINDS, PAGE)
    for endpoint in source.endpoints:
        try:
            _ = urlsplit(endpoint).port
        except ValueError:
            raise AdrwatchError(
                f"{where}: endpoints: {endpoint} is no address",
                fix="write wss://host/subscribe; a port is 65535 at most",
            ) from None
    return source
