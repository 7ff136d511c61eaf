"""The keys of a source of Reddit."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from services.ingest.networks.keys import Drugs, Names, SourceKeys, examine_address
from services.ingest.networks.network import Network
from shared.errors import AdrwatchError
from shared.secret_place import SecretPlace, Words

Address = Annotated[str, Meta(pattern=r"^https?://[^\s/?#@]+(/[^\s?#]*)?$")]
Subreddit = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9_]{1,20}$")]


class Reddit(SourceKeys, frozen=True, kw_only=True, tag="reddit"):
    """Subreddits, and searches for medicines, by an app that has access to Reddit's Data API.

    `interval_seconds`: how often each listing is read; `search_minutes`: how often all searches are; `look_again_hours`: how often
    Reddit is asked which posts still stand, for `look_again_days` after they were read.
    """

    client_id: SecretPlace
    client_secret: SecretPlace
    user_agent: str
    # Reddit's terms forbid to derive facts about somebody's health.
    identifiers: Literal["drop", "hmac", "keep"] = "drop"
    aggregates_only: bool = True
    case_export: bool = False
    subreddits: Annotated[tuple[Subreddit, ...], Meta(max_length=100)] = ()
    comments: bool = True
    search: bool = False
    drugs: tuple[Words, ...] = ()
    query_length: Annotated[int, Meta(ge=64, le=4096)] = 512
    interval_seconds: Annotated[float, Meta(gt=0, le=86_400)] = 60.0
    search_minutes: Annotated[float, Meta(gt=0, le=1440)] = 15.0
    rewind_seconds: Annotated[float, Meta(ge=0, le=86_400)] = 600.0
    look_again_hours: Annotated[float, Meta(ge=0, le=24)] = 12.0
    look_again_days: Annotated[float, Meta(gt=0, le=90)] = 7.0
    oauth_url: Address = "https://oauth.reddit.com"
    reddit_url: Address = "https://www.reddit.com"

    @property
    def address(self) -> str:
        """See SourceKeys."""
        return self.oauth_url

    @property
    def followed(self) -> tuple[str, ...]:
        """The names of the subreddits, each once."""
        return tuple(dict.fromkeys(one.lower() for one in self.subreddits))

    @property
    def seal_days(self) -> float | None:
        """See SourceKeys."""
        return self.look_again_days if self.look_again_hours else None

    def examine(self, where: str) -> None:
        """See SourceKeys."""
        examine_address(where, "oauth_url", self.oauth_url, "https://host")
        examine_address(where, "reddit_url", self.reddit_url, "https://host")
        if not (self.subreddits or self.search):
            raise AdrwatchError(f"{where} follows nothing", fix='write subreddits = ["AskDocs"], or search = true')
        if self.drugs and not self.search:
            raise AdrwatchError(f"{where}: drugs are what is searched for", fix="write search = true as well")
        for one in self.followed:
            if one.startswith("u_"):
                raise AdrwatchError(f"{where}: subreddits: one is a person's profile", fix="name subreddits only")
        agent = self.user_agent
        if not (agent.isascii() and agent.isprintable()) or len(agent.split()) < 2 or not 16 <= len(agent) <= 256:
            raise AdrwatchError(
                f"{where}: user_agent does not say who asks",
                fix='write it as Reddit wants it: "linux:org.example.watch:v1.0 (by /u/your-account)"',
            )

    def network(self, names: Names, drugs: Drugs) -> Network:
        """See SourceKeys."""
        from services.ingest.networks.reddit.network import RedditNetwork

        return RedditNetwork(self, names, drugs)
