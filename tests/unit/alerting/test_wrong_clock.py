"""A worker whose clock is behind takes every post; one that no clock has come to yet is refused."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest

from services.alerting import count
from services.alerting.rows import Batch
from services.alerting.watermark import Idleness
from shared.events import encode, now
from shared.stream import Record
from shared.topics import OUTCOMES
from tests.unit.alerting.world import outcome

LIMIT = 600.0


class Store:
    """Takes everything."""

    async def write(self, batch: Batch) -> int:
        return len(batch.rows)


def lying(post_ahead: float) -> Record:
    """The record of a post that is written now and says that it is of so many seconds ahead."""
    moment = now()
    one = msgspec.structs.replace(outcome("t:1", 0, ("d1", "r1")), created_at=moment + timedelta(seconds=post_ahead))
    written_ms = round(moment.timestamp() * 1000)
    return Record(OUTCOMES.name("test"), 0, 0, b"t:1", encode(one), written_ms=written_ms)


@pytest.mark.parametrize(
    ("clock_behind", "post_ahead", "refused"),
    [(0, -5, False), (86_400, -5, False), (0, LIMIT + 60, True), (86_400, LIMIT + 60, True)],
    ids=[
        "all is right",
        "our clock is a day behind",
        "a post from the future",
        "such a post, and our clock is a day behind",
    ],
)
async def test_a_clock_that_is_behind_refuses_no_post_that_is_there(
    clock_behind: float, post_ahead: float, refused: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(count, "now", lambda: now() - timedelta(seconds=clock_behind))
    counter = count.Counter(Store(), Idleness(60), lambda: None, LIMIT)  # type: ignore[arg-type]
    result = await counter.handle([lying(post_ahead)])
    assert [reason.reason for _, reason in result.bad] == (["future"] if refused else [])
