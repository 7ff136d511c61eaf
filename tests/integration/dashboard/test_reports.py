"""The counts that pages show, over rows that alerting wrote to a real Redis."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from deploy.local.stack import Stack
from services.alerting.duplicates import of_pair
from services.alerting.link import RedisLink
from services.alerting.rows import RowStore
from services.dashboard.view.reports import Reports
from shared.redis_keys import Keys
from shared.settings import Settings, load
from shared.signals.rules import Rules, shipped
from shared.signals.windows import to_ms
from tests.unit.alerting.world import (
    HOUR,
    START,
    Alerting,
    closing,
    deletion,
    outcome,
    several_days,
    small_rules,
)  # fmt: skip

PATIENCE = 60.0
RULES = small_rules()


@pytest.fixture
def settings(redis_url: str, topic_prefix: str, tmp_path: Path) -> Settings:
    return load(redis_url=redis_url, redis_prefix=topic_prefix, data_dir=tmp_path, retry_most=0.2)


@pytest.fixture
def reports(settings: Settings) -> Iterator[Reports]:
    found = Reports(settings, RULES)
    found.start()
    yield found
    found.close(PATIENCE)


def alerting(settings: Settings, work: Callable[[Alerting], Awaitable[object]], rules: Rules = RULES) -> Alerting:
    """What alerting does."""

    async def run() -> Alerting:
        worker = Alerting(settings.require("redis_url"), settings.redis_prefix, rules)
        try:
            await work(worker)
        finally:
            await worker.link.close()
        return worker

    return asyncio.run(run())


def wait_for(seen: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not seen():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_pair_has_the_table_and_measures_of_the_alert_that_alerting_published(
    settings: Settings, reports: Reports
) -> None:
    async def work(worker: Alerting) -> None:
        await worker.count([*several_days(), *closing(5 * 24 * HOUR)])
        await worker.tick()

    worker = alerting(settings, work)
    signals = [one for one in worker.stream.latest.values() if one.kind == "disproportionality"]
    assert signals
    wait_for(lambda: reports.now().closed_until_ms is not None and len(reports.now().ledger.at) > 0)
    counted = reports.now()
    for alert in signals:
        end = to_ms(alert.evaluated_at)
        start = end - (alert.window_hours or 0) * HOUR
        found = counted.measured(start, end).find(alert.drug.id, alert.reaction.id)
        assert found is not None
        assert (found.table, found.authors, found.measures) == (alert.table, alert.authors, alert.measures)
        assert counted.concept(alert.drug.id) == alert.drug
        told = of_pair(counted.ledger, alert.drug, alert.reaction, start, end)
        assert told.counted == found.table.a
    assert reports.state.health().state == "up"


def test_a_post_that_is_taken_back_counts_no_more_and_later_posts_do(settings: Settings, reports: Reports) -> None:
    def posts() -> int:
        return reports.now().window(START, START + 48 * HOUR).total

    alerting(settings, lambda worker: worker.count([outcome(f"t:{i}", i * HOUR, ("d1", "r1")) for i in range(5)]))
    wait_for(lambda: posts() == 5)
    before = reports.now().version
    alerting(settings, lambda worker: worker.delete("t:3"))
    wait_for(lambda: posts() == 4)
    assert reports.now().version > before
    alerting(settings, lambda worker: worker.count([outcome("t:9", 9 * HOUR, ("d1", "r2"))]))
    wait_for(lambda: posts() == 5)
    assert deletion("t:3").id not in reports.now().ledger.posts


def test_rows_in_buckets_of_another_length_are_an_error_that_says_what_to_mend(
    settings: Settings, reports: Reports
) -> None:
    async def claim() -> None:
        link = RedisLink(settings.require("redis_url"))
        store = RowStore(link, Keys(settings.redis_prefix), small_rules(time__bucket_hours=2))
        await store.check()
        await link.close()

    asyncio.run(claim())
    wait_for(lambda: reports.state.trouble is not None)
    health = reports.state.health()
    assert health.state == "away"
    assert "buckets of 120 minutes" in health.detail
    assert "ADRWATCH_RULES_FILE" in health.fix


def test_while_redis_is_away_the_last_counts_stay_and_what_came_meanwhile_is_taken_in_afterwards(
    tmp_path: Path,
) -> None:
    settings = load(data_dir=tmp_path, retry_most=0.5)
    rules = shipped()
    with Stack(settings, servers=["redis"]) as stack:
        settings = settings.model_copy(update=stack.addresses)
        alerting(settings, lambda worker: worker.count([outcome("t:1", 0, ("d1", "r1"))]), rules)
        reports = Reports(settings, rules)
        reports.start()
        wait_for(lambda: len(reports.now().ledger.at) == 1)
        stack.kill("redis")
        wait_for(lambda: reports.state.health().state == "away")
        health = reports.state.health()
        assert health.as_of is not None
        assert health.since >= health.as_of
        assert len(reports.now().ledger.at) == 1
        wait_for(lambda: reports.state.health().state == "up")
        alerting(settings, lambda worker: worker.count([outcome("t:2", 0, ("d1", "r1"))]), rules)
        wait_for(lambda: len(reports.now().ledger.at) == 2)
        reports.close(PATIENCE)
