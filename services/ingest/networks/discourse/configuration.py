"""The keys of a source of Discourse."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from services.ingest.networks.keys import Drugs, Names, SourceKeys, examine_address
from services.ingest.networks.network import Network
from shared.errors import AdrwatchError
from shared.secret_place import SecretPlace

Address = Annotated[str, Meta(pattern=r"^https?://[^\s/?#@]+(/[^\s?#]*)?$")]


class Discourse(SourceKeys, frozen=True, kw_only=True, tag="discourse"):
    """A forum that runs Discourse. `watch_hours`: for so long posts are looked at again for edits and deletions, every
    `look_again_minutes`.
    """

    forum: Address
    api_key: SecretPlace | None = None
    api_username: Annotated[str, Meta(min_length=1)] | None = None
    interval_seconds: Annotated[float, Meta(gt=0, le=86_400)] = 60.0
    pause_seconds: Annotated[float, Meta(ge=0, le=60)] = 1.0
    watch_hours: Annotated[float, Meta(ge=0, le=720)] = 24.0
    look_again_minutes: Annotated[float, Meta(gt=0, le=1440)] = 30.0
    timeout_seconds: Annotated[float, Meta(gt=0, le=300)] = 30.0
    private_addresses: bool = False

    @property
    def address(self) -> str:
        """See SourceKeys."""
        return self.forum

    def examine(self, where: str) -> None:
        """See SourceKeys."""
        examine_address(where, "forum", self.forum, "https://host")
        if (self.api_key is None) != (self.api_username is None):
            raise AdrwatchError(
                f"{where}: api_key and api_username belong together", fix="write both, or none for a forum that is open"
            )

    def network(self, names: Names, drugs: Drugs) -> Network:
        """See SourceKeys."""
        from services.ingest.networks.discourse.network import DiscourseNetwork

        return DiscourseNetwork(self, names, self.api_key.read("api_key") if self.api_key else None)
