"""An X of this machine, and a source that reads it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from services.ingest.networks.network import Network
from services.ingest.networks.x.configuration import X
from shared.events import Published
from shared.vocabulary.drugs import DrugLexicon, default_lexicon
from tests.networks.x import TOKEN, FakeX, fake_x
from tests.unit.ingest.networks.x.reading import keyring


@pytest.fixture
def server() -> Iterator[FakeX]:
    with fake_x() as made:
        yield made


@pytest.fixture
def x(server: FakeX, tmp_path: Path) -> Callable[..., Network]:
    """Makes a source of the fake that looks for two medicines."""
    token = tmp_path / "token"
    token.write_text(TOKEN)
    token.chmod(0o600)

    def made(
        lexicon: Callable[[], DrugLexicon] = default_lexicon,
        sealed: Callable[[], list[Published]] = list,
        **keys: Any,
    ) -> Network:
        usual = {"drugs": ("sertraline", "adalimumab"), "search_delay_seconds": 0, "max_posts_per_month": 1000,
                 "base_url": server.url, "bearer_token": {"file": str(token)}}  # fmt: skip
        source = msgspec.convert(usual | keys, X)
        return source.network(source.names("x", keyring, 600.0, sealed), lexicon)

    return made
