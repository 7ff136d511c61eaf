"""The keys of a source of Mastodon."""

from __future__ import annotations

from typing import Annotated, Literal
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta

from services.ingest.networks.keys import Drugs, Names, SourceKeys, examine_address
from services.ingest.networks.network import Network
from shared.errors import AdrwatchError
from shared.secret_place import SecretPlace

Url = Annotated[str, Meta(pattern=r"^https?://[^\s/?#@]+$")]
Endpoint = Annotated[str, Meta(pattern=r"^wss?://[^\s/?#@]+$")]
Hashtag = Annotated[str, Meta(pattern=r"^\w+$")]
Public = Literal["public", "public:local", "public:remote"]


class Instance(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A server, and where its access token is. `streaming`: the host of its streams, where it does not name the right one."""

    url: Url
    token: SecretPlace
    streaming: Endpoint | None = None

    @property
    def host(self) -> str:
        """The host, and its port if it is an unusual one."""
        return urlsplit(self.url).netloc.lower()


class Mastodon(SourceKeys, frozen=True, kw_only=True, tag="mastodon"):
    """Public streams and hashtags of one instance or several. Posts of people who want no robots are passed over."""

    instances: Annotated[tuple[Instance, ...], Meta(min_length=1, max_length=20)]
    streams: tuple[Public, ...] = ("public",)
    hashtags: Annotated[tuple[Hashtag, ...], Meta(max_length=100)] = ()
    indexable_only: bool = False
    rewind_seconds: Annotated[float, Meta(ge=0, le=86_400)] = 600.0
    sweep_seconds: Annotated[float, Meta(ge=1, le=86_400)] = 300.0
    stall_seconds: Annotated[float, Meta(gt=0, le=3600)] = 60.0
    ask_days: Annotated[float, Meta(ge=0, le=90)] = 7.0
    ask_hours: Annotated[float, Meta(gt=0, le=1000)] = 12.0

    @property
    def seal_days(self) -> float | None:
        """See SourceKeys."""
        return self.ask_days or None

    @property
    def address(self) -> str:
        """See SourceKeys."""
        return ", ".join(one.host for one in self.instances)

    @property
    def followed(self) -> tuple[str, ...]:
        """The names of the streams: `public:local`, `hashtag:insomnia`."""
        return (*dict.fromkeys(self.streams), *dict.fromkeys(f"hashtag:{one.lower()}" for one in self.hashtags))

    def examine(self, where: str) -> None:
        """See SourceKeys."""
        if not self.followed:
            raise AdrwatchError(
                f"{where} follows nothing", fix='write streams = ["public"], or hashtags = ["insomnia"]'
            )
        hosts = [one.host for one in self.instances]
        for instance in self.instances:
            if hosts.count(instance.host) > 1:
                raise AdrwatchError(f"{where}: instances: {instance.host} is there twice", fix="leave one of them")
            for address in (instance.url, instance.streaming or "wss://host"):
                examine_address(where, "instances", address, "https://host")

    def network(self, names: Names, drugs: Drugs) -> Network:
        """See SourceKeys."""
        from services.ingest.networks.mastodon.network import MastodonNetwork

        tokens = [one.token.read(f"the token of {one.host}") for one in self.instances]
        return MastodonNetwork(self, tokens, names)
