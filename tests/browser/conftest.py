"""A browser, and a dashboard to look at, both once for each process of tests; pages and their watch for each test."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from shared.settings import load
from tests import topics
from tests.browser.chromium import FLAGS, chromium
from tests.browser.instance import Instance, dashboard, filled, sign_in
from tests.browser.watching import WIDE, Watch
from tests.unit.vocabulary import dictionary

Open = Callable[..., Page]
_PATIENCE_MS = 30_000


# Playwright runs a loop in this thread, beside which no other test could run its own: it ends with its file.
@pytest.fixture(scope="module")
def browser(instance: Instance) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=chromium(), args=list(FLAGS))
        yield found
        found.close()


@pytest.fixture(scope="session")
def instance(kafka: str, redis_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    prefix, folder = f"browser-{uuid.uuid4().hex[:8]}", tmp_path_factory.mktemp("browser")
    settings = load(
        data_dir=folder, kafka_bootstrap=kafka, redis_url=redis_url, topic_prefix=prefix, redis_prefix=prefix,
        meddra_folder=dictionary.written(tmp_path_factory.mktemp("meddra")),
    )  # fmt: skip
    topics.make_all(kafka, prefix)
    filled(settings)
    with dashboard(settings, folder) as found:
        yield found


@pytest.fixture(scope="session")
def cookies() -> dict[tuple[str, str], Any]:
    """Sessions by home and role: people sign in once, by the form."""
    return {}


@pytest.fixture
def watch(instance: Instance) -> Iterator[Watch]:
    found = Watch(instance.home)
    yield found
    assert not found.complaints


@pytest.fixture
def look(browser: Browser, instance: Instance, watch: Watch, cookies: dict[tuple[str, str], Any]) -> Iterator[Open]:
    """Opens the browser of somebody by role, who is signed in; None is nobody."""
    contexts = []

    def begin(role: str | None = "admin", viewport: Any = WIDE, home: str = instance.home) -> Page:
        if role is not None and (home, role) not in cookies:
            first = browser.new_context()
            page = first.new_page()
            page.goto(f"{home}/sign-in")
            sign_in(page, role)
            cookies[home, role] = first.storage_state()
            first.close()
        state = cookies[home, role] if role is not None else None
        context = browser.new_context(base_url=home, viewport=viewport, storage_state=state, reduced_motion="reduce")
        context.set_default_timeout(_PATIENCE_MS)
        contexts.append(context)
        watch.on(context)
        return context.new_page()

    yield begin
    for context in contexts:
        context.close()
