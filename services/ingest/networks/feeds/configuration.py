"""The keys of a source of feeds."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit

from msgspec import Meta

from services.ingest.networks.keys import Drugs, Names, SourceKeys, examine_address
from services.ingest.networks.network import Network
from shared.errors import AdrwatchError

Address = Annotated[str, Meta(pattern=r"^https?://[^\s/?#@]+(/[^\s#]*)?$")]


class Feeds(SourceKeys, frozen=True, kw_only=True, tag="feeds"):
    """RSS and Atom. A feed is asked every `interval_minutes`; while it has nothing new, more and more seldom, at last every
    `slowest_minutes`.
    """

    feeds: Annotated[tuple[Address, ...], Meta(min_length=1, max_length=50)]
    interval_minutes: Annotated[float, Meta(gt=0, le=1440)] = 15.0
    slowest_minutes: Annotated[float, Meta(gt=0, le=10_080)] = 240.0
    timeout_seconds: Annotated[float, Meta(gt=0, le=300)] = 30.0
    private_addresses: bool = False

    @property
    def address(self) -> str:
        """See SourceKeys."""
        parts, more = urlsplit(self.feeds[0]), len(self.feeds) - 1
        return f"{parts.netloc}{parts.path}" + (f" and {more} more" if more else "")

    def examine(self, where: str) -> None:
        """See SourceKeys."""
        for feed in self.feeds:
            examine_address(where, "feeds", feed, "https://host/path")
        if len(set(self.feeds)) < len(self.feeds):
            raise AdrwatchError(f"{where}: feeds: one stands there twice", fix="write each feed once")
        if self.slowest_minutes < self.interval_minutes:
            raise AdrwatchError(
                f"{where}: slowest_minutes is less than interval_minutes",
                fix="write at least as much as interval_minutes",
            )

    def network(self, names: Names, drugs: Drugs) -> Network:
        """See SourceKeys."""
        from services.ingest.networks.feeds.network import FeedsNetwork

        return FeedsNetwork(self, names)
