"""The keys of a source of Bluesky."""

from __future__ import annotations

from datetime import date
from typing import Annotated
from urllib.parse import urlsplit

from msgspec import Meta

from services.ingest.networks.bluesky.subscribe_events import PATH
from services.ingest.networks.keys import Drugs, Names, SourceKeys, examine_address
from services.ingest.networks.network import Network
from shared.errors import AdrwatchError

Endpoint = Annotated[str, Meta(pattern=r"^wss?://[^\s/?#@]+(/[^\s?#]*)?$")]
Api = Annotated[str, Meta(pattern=r"^https?://[^\s/?#@]+$")]
Collection = Annotated[str, Meta(pattern=r"^[a-zA-Z][a-zA-Z0-9-]*(\.[a-zA-Z0-9-]+)+(\.\*)?$")]


class Bluesky(SourceKeys, frozen=True, kw_only=True, tag="bluesky"):
    """Bluesky by Jetstream, which is open to everybody. Endpoints are tried in turn; their path tells the protocol."""

    endpoints: Annotated[tuple[Endpoint, ...], Meta(min_length=1)] = (
        "wss://jetstream1.us-east.bsky.network/subscribe",
        "wss://jetstream2.us-east.bsky.network/subscribe",
        "wss://jetstream1.us-west.bsky.network/subscribe",
        "wss://jetstream2.us-west.bsky.network/subscribe",
    )
    collections: Annotated[tuple[Collection, ...], Meta(min_length=1, max_length=100)] = ("app.bsky.feed.post",)
    rewind_seconds: Annotated[float, Meta(ge=0, le=3600)] = 10.0
    stall_seconds: Annotated[float, Meta(gt=0, le=3600)] = 60.0
    compress: bool = False
    begin: date | None = None
    ask_days: Annotated[float, Meta(ge=0, le=90)] = 0.0
    api: Api = "https://public.api.bsky.app"
    plc: Api = "https://plc.directory"
    private_addresses: bool = False

    @property
    def seal_days(self) -> float | None:
        """See SourceKeys."""
        return self.ask_days or None

    @property
    def address(self) -> str:
        """See SourceKeys."""
        more = len(self.endpoints) - 1
        return self.endpoints[0] + (f" and {more} more" if more else "")

    def examine(self, where: str) -> None:
        """See SourceKeys."""
        for endpoint in self.endpoints:
            examine_address(where, "endpoints", endpoint, "wss://host/subscribe")
            if urlsplit(endpoint).path == PATH:
                continue
            if self.compress:
                raise AdrwatchError(
                    f"{where}: compress: {endpoint} is of Jetstream's first protocol, whose dictionary no server gives away",
                    fix=f"name endpoints such as wss://host{PATH}, or write compress = false",
                )
            if self.begin is not None:
                raise AdrwatchError(
                    f"{where}: begin: {endpoint} is of Jetstream's first protocol, which has no archive",
                    fix=f"name endpoints such as wss://host{PATH}, or leave begin out",
                )
        for key, address in (("api", self.api), ("plc", self.plc)):
            examine_address(where, key, address, "https://host")

    def network(self, names: Names, drugs: Drugs) -> Network:
        """See SourceKeys."""
        from services.ingest.networks.bluesky.network import BlueskyNetwork

        return BlueskyNetwork(self, names)
