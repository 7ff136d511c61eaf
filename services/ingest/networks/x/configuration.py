"""The keys of a source of X."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from services.ingest.networks.keys import Drugs, Names, SourceKeys
from services.ingest.networks.network import Network
from shared.errors import AdrwatchError
from shared.secret_place import SecretPlace, Words

Address = Annotated[str, Meta(pattern=r"^https?://[^\s/?#@]+(/[^\s?#]*)?$")]


class X(SourceKeys, frozen=True, kw_only=True, tag="x"):
    """X by its API v2. The limits are those of the plan that pays by use; what is read is paid,
    so `max_posts_per_month` has no default.

    Source: docs.x.com, pages of the filtered stream, of recent search and of batch compliance.
    """

    bearer_token: SecretPlace
    max_posts_per_month: Annotated[int, Meta(gt=0)]
    # X's terms forbid to derive facts about somebody's health.
    identifiers: Literal["drop", "hmac", "keep"] = "drop"
    aggregates_only: bool = True
    case_export: bool = False
    base_url: Address = "https://api.x.com"
    drugs: tuple[Words, ...] = ()
    operators: str = "-is:retweet"
    rules: Annotated[int, Meta(gt=0, le=100_000)] = 1000
    rule_length: Annotated[int, Meta(ge=64, le=4096)] = 1024
    query_length: Annotated[int, Meta(ge=64, le=4096)] = 512
    search: bool = True
    search_delay_seconds: Annotated[float, Meta(ge=0, le=600)] = 15.0
    backfill_minutes: Annotated[int, Meta(ge=0, le=5)] = 0
    rewind_seconds: Annotated[float, Meta(ge=0, le=3600)] = 30.0
    stall_seconds: Annotated[float, Meta(gt=0, le=3600)] = 30.0
    compliance_hours: Annotated[float, Meta(ge=0, le=24)] = 12.0
    compliance_days: Annotated[float, Meta(gt=0, le=90)] = 7.0

    @property
    def address(self) -> str:
        """See SourceKeys."""
        return self.base_url

    @property
    def seal_days(self) -> float | None:
        """See SourceKeys."""
        return self.compliance_days if self.compliance_hours else None

    def examine(self, where: str) -> None:
        """See SourceKeys."""
        if len(self.suffix) > min(self.rule_length, self.query_length) // 2:
            raise AdrwatchError(
                f"{where}: operators and languages leave no room for names in a rule",
                fix="shorten operators, or raise rule_length and query_length to what the plan has",
            )

    @property
    def suffix(self) -> str:
        """What stands behind the names in every rule."""
        languages = " OR ".join(f"lang:{one}" for one in self.languages)
        return " ".join(part for part in (f"({languages})" if languages else "", self.operators.strip()) if part)

    def network(self, names: Names, drugs: Drugs) -> Network:
        """See SourceKeys."""
        from services.ingest.networks.x.network import XNetwork

        return XNetwork(self, names, drugs)
