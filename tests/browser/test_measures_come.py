"""Measures that take long come after the rest of a page, in their places."""

from __future__ import annotations

import pytest
from playwright.sync_api import Route, expect

from tests.browser.conftest import Open
from tests.browser.instance import Instance
from tests.browser.watching import shifted


@pytest.mark.parametrize("address", ["/explore?days=9&least=1", "/drugs/{drug}?days=10"])
def test_the_rest_of_the_page_stands_and_nothing_moves_when_they_come(
    look: Open, instance: Instance, address: str
) -> None:
    page, held = look(), list[Route]()
    page.route("**/*all-measures*", lambda route: held.append(route))
    with page.expect_request("**/*all-measures*"):
        page.goto(address.format(**instance.names()))
    slow, rows = page.locator("td.slow"), page.locator("tr:has(td.slow)")
    expect(slow.first).to_have_text("being computed")
    expect(page.locator(".chart canvas")).to_have_count(1 if "drugs" in address else 0)
    before, moved = rows.count(), len(shifted(page))
    held[0].continue_()
    expect(page.get_by_text("being computed")).to_have_count(0)
    expect(slow.first).to_contain_text("[")
    assert rows.count() == before > 0
    assert shifted(page)[moved:] == []
