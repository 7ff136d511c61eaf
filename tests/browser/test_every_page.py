"""Every page, wide and on a phone, light and dark: whole, quiet, in its place, and open to those who see or move less."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Open
from tests.browser.instance import Instance
from tests.browser.pages import PAGES, Page
from tests.browser.watching import MOST_LOADING, PHONE, WIDE, Watch, shifted, violations


@pytest.fixture(scope="session")
def names(instance: Instance) -> dict[str, str]:
    return instance.names()


@pytest.mark.parametrize("shown", PAGES, ids=lambda one: one.name)
def test_page(shown: Page, look: Open, watch: Watch, names: dict[str, str]) -> None:
    if shown.status != 200:
        watch.foreseen.add(shown.status)
    page = look(shown.role)
    for size in (WIDE, PHONE):
        page.set_viewport_size(size)
        answer = page.goto(shown.address.format(**names))
        assert answer is not None
        assert answer.status == shown.status
        # Parts that are fetched after the page.
        expect(page.locator(".htmx-request")).to_have_count(0)
        expect(page.locator("h1, .empty strong").first).to_be_visible()
        moved = shifted(page)
        assert sum(one["value"] for one in moved) <= MOST_LOADING, moved
        over = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert over <= 0, f"{over} px too wide at {size['width']}"
        page.emulate_media(color_scheme="light")
        assert violations(page) == []
        # The other theme has the same elements in other colours.
        page.emulate_media(color_scheme="dark")
        assert violations(page, colours=True) == []
