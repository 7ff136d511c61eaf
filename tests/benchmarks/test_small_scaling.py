"""The scaling benchmark, small: two workers beside one, over real Kafka and Redis, and what is made of it."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from services.capacity.measured import Measured
from services.capacity.plan import Load, plan
from tests.benchmarks import scaling
from tests.benchmarks.scaling import measure, measured
from tests.benchmarks.scaling_page import render


def test_every_worker_gets_its_share_and_the_rates_make_a_plan(
    kafka: str, redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scaling, "given", {"kafka_bootstrap": kafka, "redis_url": redis_url})
    said: list[str] = []
    found = measure(2500, 1, [2], tmp_path, "the command", said.append)
    assert [(one.service, one.workers) for one in found.series] == [("pipeline", 2), ("alerting", 2)]
    for one in found.series:
        assert one.rate > 0
        shares = [busy for part, busy in one.cores.items() if part.startswith(one.service)]
        assert len(shares) == 2
        assert min(shares) > 0
    page = render(found)
    assert "| pipeline | 2 |" in page
    singles = tuple(msgspec.structs.replace(one, workers=1) for one in found.series)
    told = measured(msgspec.structs.replace(found, series=found.series + singles), {})
    again = msgspec.json.decode(msgspec.json.encode(told), type=Measured)
    assert again.two_workers == pytest.approx(1.0)
    assert plan(Load(posts_per_second=10), again.rates).parts[0].count == 1
