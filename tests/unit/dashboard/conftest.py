"""What tests of the read model share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from services.dashboard.view.mentions import Mentions


@pytest.fixture
def file(tmp_path: Path) -> Iterator[Mentions]:
    """An empty file of mentions."""
    found = Mentions(tmp_path)
    found.begin("here")
    yield found
    found.close()
