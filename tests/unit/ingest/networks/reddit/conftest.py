"""A Reddit of this machine, and a source that follows it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest

from services.ingest.networks.network import Network
from services.ingest.networks.reddit.configuration import Reddit
from shared.events import Published
from shared.vocabulary.drugs import DrugLexicon, default_lexicon
from tests.networks.reddit import CLIENT_ID, RedditSite, reddit_site
from tests.unit.ingest.networks.reddit.reading import (
    Make,
    keyring,
    table,
)


@pytest.fixture
def site() -> Iterator[RedditSite]:
    with reddit_site("meds") as made:
        yield made


@pytest.fixture
def reddit(site: RedditSite, monkeypatch: pytest.MonkeyPatch) -> Make:
    """Makes a source of the fake that follows one subreddit."""
    monkeypatch.setenv("APP_ID", CLIENT_ID)
    monkeypatch.setenv("APP_SECRET", site.secret)

    def made(
        lexicon: Callable[[], DrugLexicon] = default_lexicon,
        sealed: Callable[[], list[Published]] = list,
        **keys: Any,
    ) -> Network:
        source = msgspec.convert(table(site.url) | keys, Reddit)
        source.examine("source reddit")
        return source.network(source.names("reddit", keyring, 600.0, sealed), lexicon)

    return made
