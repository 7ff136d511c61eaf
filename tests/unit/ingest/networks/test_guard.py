"""What the frame of all sources makes of networks that fail, and of what they ask for."""

from __future__ import annotations

import math
from collections.abc import Generator
from datetime import datetime

import pytest
from kafka.errors import KafkaConnectionError

from services.ingest.networks.guard import guarded, patience
from services.ingest.networks.network import Item, Network, Passed
from services.ingest.source import SourceBroken
from shared.errors import AdrwatchError


class Failing(Network):
    """Has one item, and then fails."""

    def __init__(self, error: Exception | None) -> None:
        self.cursor: str | None = None
        self.reached: datetime | None = None
        self.closed = False
        self._error = error

    def follow(self, cursor: str | None) -> Generator[Item | None, None, None]:
        try:
            yield Passed("one")
            if self._error is not None:
                raise self._error
        finally:
            self.closed = True

    def check(self) -> str:
        return "well"


def test_what_nobody_foresaw_is_a_break_after_what_came_before_it(capsys: pytest.CaptureFixture[str]) -> None:
    network = Failing(ValueError("zoloft, of a post"))
    items = guarded("talk", network, None)
    assert next(items) == Passed("one")
    with pytest.raises(SourceBroken, match=r"nobody foresaw \(ValueError\)") as broken:
        next(items)
    assert network.closed
    said = capsys.readouterr()
    assert "test_guard.py:" in said.out + said.err
    assert "zoloft" not in said.out + said.err + str(broken.value)


@pytest.mark.parametrize(
    "error", [SourceBroken("it ended", wait_seconds=7.0), AdrwatchError("no position"), KafkaConnectionError("away")]
)
def test_what_is_said_in_so_many_words_and_the_broker_s_stays_what_it_is(error: Exception) -> None:
    with pytest.raises(type(error)) as raised:
        list(guarded("talk", Failing(error), None))
    assert raised.value is error


def test_a_follower_that_leaves_closes_the_network() -> None:
    network = Failing(None)
    items = guarded("talk", network, None)
    next(items)
    items.close()
    assert network.closed


@pytest.mark.parametrize(
    ("wanted", "given"),
    [(None, None), (7.0, 7.0), (-1.0, 0.0), (math.inf, 86_400.0), (1e300, 86_400.0), (math.nan, None)],
)
def test_what_a_network_asks_for_is_a_day_at_most(wanted: float | None, given: float | None) -> None:
    assert patience(wanted) == given
