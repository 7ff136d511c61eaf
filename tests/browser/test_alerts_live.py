"""The list of alerts as one works with it: what comes in while one looks, the keys, filters, and the way back."""

from __future__ import annotations

import re

import msgspec
from playwright.sync_api import Page, expect

from shared.events import Table
from tests.browser.conftest import Open
from tests.browser.instance import Instance
from tests.browser.made_up import WORDS, signal
from tests.browser.watching import PHONE, shifted


def opened(look: Open, address: str = "/alerts", **how: object) -> Page:
    page = look(**how)
    page.goto(address)
    expect(page.locator("#live-word")).to_have_text("live")
    return page


def test_an_alert_arrives_and_nothing_moves(look: Open, instance: Instance) -> None:
    page = opened(look)
    first = page.locator("#list tbody tr").first
    before, moved = first.get_attribute("id"), len(shifted(page))
    alert = signal("newcillin")
    instance.write(alert)
    expect(page.locator("#just-in a").first).to_contain_text("newcillin")
    expect(page.locator("#fresh")).to_have_text("Show 1 new")
    # Rows stay where they are until one asks for what is new.
    assert first.get_attribute("id") == before
    assert shifted(page)[moved:] == []
    page.keyboard.press("n")
    expect(page.locator(f"#a-{alert.id}")).to_have_count(1)
    expect(page.locator("#fresh")).to_be_disabled()


def test_a_row_changes_in_its_place_and_goes_when_it_is_taken_back(look: Open, instance: Instance) -> None:
    alert = signal("changicillin")
    instance.write(alert)
    page = opened(look, "/alerts?q=changicillin")
    row = page.locator(f"#a-{alert.id}")
    expect(row.locator("[data-name^=Reports]")).to_contain_text("4")
    moved = len(shifted(page))
    instance.write(msgspec.structs.replace(alert, table=Table(77, 10, 5, 3000)))
    expect(row.locator("[data-name^=Reports]")).to_contain_text("77")
    assert shifted(page)[moved:] == []
    instance.write(alert.id)
    expect(row).to_have_count(0)


def test_an_empty_list_fills_by_itself(look: Open, instance: Instance) -> None:
    page = opened(look, "/alerts?q=firstamycin")
    expect(page.get_by_text("No alert fits")).to_be_visible()
    instance.write(signal("firstamycin"))
    expect(page.locator("#list tbody tr")).to_have_count(1)


def test_triage_with_the_keyboard_alone(look: Open, instance: Instance) -> None:
    ours = [signal(name) for name in ("keyamycin", "keybcillin", "keycstatin")]
    instance.write(*ours)
    page = opened(look, "/alerts?sort=drug&order=asc", role="assessor")
    page.keyboard.press("/")
    page.keyboard.type("keyamycin")
    rows = page.locator("#list tbody tr")
    expect(rows).to_have_count(1)
    expect(page).to_have_url(re.compile("q=keyamycin"))
    page.goto("/alerts?q=Stomatitis&sort=drug&order=asc")
    expect(page.locator("#live-word")).to_have_text("live")
    chosen = page.locator("tr[aria-selected=true]")
    page.keyboard.press("j")
    expect(chosen).to_have_count(1)
    first = chosen.get_attribute("id")
    page.keyboard.press("j")
    assert chosen.get_attribute("id") != first
    page.keyboard.press("k")
    assert chosen.get_attribute("id") == first
    page.keyboard.press("x")
    expect(page.locator("#picked")).to_have_text("1 picked")
    page.keyboard.press("a")
    toast = page.locator(".toast").last
    expect(toast).to_contain_text("1 alert assigned to assessor")
    expect(page.locator(f"#{first} [data-name=State]")).to_contain_text("assessor")
    page.keyboard.press("u")
    expect(page.locator(".toast").last).to_contain_text("Undone")
    expect(page.locator(f"#{first} [data-name=State]")).not_to_contain_text("assessor")
    expect(chosen).to_have_count(1)
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(f"/alerts/{str(first).removeprefix('a-')}"))
    expect(page.locator("h1")).to_contain_text(WORDS)


def test_filters_sort_and_pages_are_in_the_address_and_the_way_back_leads_through_them(look: Open) -> None:
    page = opened(look)
    caption = page.locator("#list caption")
    everything = caption.inner_text()
    page.get_by_label("Lane").select_option("signal")
    page.wait_for_url(re.compile("lane=signal"))
    expect(caption).not_to_have_text(everything)
    page.get_by_role("link", name="Drug, reaction").click()
    page.wait_for_url(re.compile("lane=signal.*sort=drug|sort=drug.*lane=signal"))
    expect(page.locator("th[aria-sort]")).to_contain_text("Drug, reaction")
    # What leaves a page that is still loading is no error here: the way back loads the list anew.
    page.evaluate("history.back()")
    expect(page).to_have_url(re.compile(r"lane=signal(?!.*sort=)"))
    expect(page.locator("th[aria-sort]")).not_to_contain_text("Drug, reaction")
    page.evaluate("history.back()")
    expect(caption).to_have_text(everything)
    expect(page.get_by_label("Lane")).to_have_value("")


def test_on_a_phone_rows_are_cards_and_what_comes_in_is_seen(look: Open, instance: Instance) -> None:
    page = opened(look, viewport=PHONE)
    expect(page.locator("#list thead")).to_be_hidden()
    moved = len(shifted(page))
    instance.write(signal("phonamycin"))
    expect(page.locator("#just-in a").first).to_contain_text("phonamycin")
    assert shifted(page)[moved:] == []


def test_a_comment_that_is_too_long_is_counted_and_not_cut(look: Open, instance: Instance) -> None:
    alert = signal("longicillin")
    instance.write(alert)
    page = opened(look, "/alerts?q=longicillin")
    # It may come only after the page: a key that finds no row chooses none.
    expect(page.locator("#list tbody tr")).to_have_count(1)
    page.keyboard.press("j")
    page.keyboard.press("c")
    expect(page.locator("#ask-length")).to_have_text("0 of 4,000 characters")
    page.locator("#ask-text").fill("a" * 4001)
    expect(page.locator("#ask-length")).to_have_text("4,001 of 4,000 characters")
    page.locator("#ask-yes").click()
    expect(page.locator("#ask")).to_be_visible()
    page.locator("#ask-text").fill("a" * 4000)
    page.locator("#ask-yes").click()
    expect(page.locator(".toast")).to_contain_text("1 alert commented")
