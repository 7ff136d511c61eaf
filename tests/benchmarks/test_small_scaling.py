"""The scaling benchmark, small: two workers share the posts over real Kafka and Redis, and what is made of it."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from services.capacity.measured import Measured
from services.capacity.plan import Load, plan
from tests.benchmarks.scaling import measure, measured
from tests.benchmarks.scaling_page import render


@pytest.mark.alone
def test_both_workers_get_their_share_and_the_rates_make_a_plan(kafka: str, redis_url: str, tmp_path: Path) -> None:
    servers = {"kafka_bootstrap": kafka, "redis_url": redis_url}
    said: list[str] = []
    found = measure(2500, 1, [2], tmp_path / "pipeline", "the command", said.append, ["pipeline"], **servers)
    [pipeline] = found.series
    assert pipeline.rate > 0
    shares = [busy for part, busy in pipeline.cores.items() if part.startswith("pipeline")]
    assert len(shares) == 2
    assert min(shares) > 0
    assert "| pipeline, models answer after 5 ms | 2 |" in render(found)

    alone = measure(2000, 1, [1], tmp_path / "alerting", "the command", said.append, ["alerting"], **servers)
    single = msgspec.structs.replace(pipeline, workers=1)
    whole = msgspec.structs.replace(found, series=(pipeline, single, *alone.series))
    told = msgspec.json.decode(msgspec.json.encode(measured(whole, {})), type=Measured)
    assert told.two_workers == pytest.approx(1.0)
    assert plan(Load(posts_per_second=10), told.rates).parts[0].count == 1
