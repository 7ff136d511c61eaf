"""An admin goes through the audit trail: narrows it down, opens a row, has it verified, and takes it away."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import expect

from tests.browser.conftest import Open


def test_the_trail_is_narrowed_opened_verified_and_taken_away(look: Open) -> None:
    page = look()
    page.goto("/audit")
    rows = page.locator("table.audit tbody tr")
    page.get_by_label("Who").select_option("made-up")
    page.get_by_label("What").select_option("opened")
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_label("Who")).to_have_value("made-up")
    expect(rows.first.locator("td").nth(2)).to_have_text("made-up")
    many = rows.count()
    first = rows.first
    first.get_by_text("before → after").click()
    expect(first.get_by_text("nothing", exact=True)).to_be_visible()
    button = page.get_by_role("button", name="Verify anew")
    with page.expect_response(lambda answer: answer.request.method == "POST"):
        button.click()
    expect(page.get_by_text("The trail is whole")).to_be_visible()
    expect(button).to_be_focused()
    # The filters stayed.
    assert rows.count() == many
    with page.expect_download() as taken:
        page.get_by_role("link", name="JSON lines").click()
    assert len(Path(taken.value.path()).read_text().splitlines()) == many
    first.get_by_role("link").first.click()
    expect(page.locator("#head")).to_be_visible()
