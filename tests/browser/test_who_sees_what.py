"""People who sign in: what each role is shown, and what stays of a session."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Open
from tests.browser.instance import Instance, sign_in
from tests.browser.watching import Watch

EVERYBODY = {"Alerts", "Drugs", "Reactions", "Explore"}


def test_signing_in_leads_where_one_wanted_to_go_and_out_again(look: Open, watch: Watch) -> None:
    page = look(None)
    page.goto("/explore?days=30")
    page.wait_for_url(re.compile("/sign-in"))
    watch.foreseen.add(401)
    page.get_by_label("Name").fill("viewer")
    page.get_by_label("Password").fill("wrong horse battery staple")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_be_visible()
    sign_in(page, "viewer")
    assert page.url.endswith("/explore?days=30")
    # Scripts do not see the session.
    assert page.evaluate("document.cookie") == ""
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url(re.compile("/sign-in"))
    page.goto("/alerts")
    expect(page.get_by_label("Password")).to_be_visible()


@pytest.mark.parametrize(
    ("role", "more", "triages", "reads"),
    [
        ("viewer", set(), False, False),
        ("operator", set(), False, False),
        ("assessor", set(), True, True),
        ("admin", {"Audit", "People"}, True, True),
    ],
)
def test_a_role_is_shown_what_it_may_do(
    look: Open, instance: Instance, role: str, more: set[str], triages: bool, reads: bool
) -> None:
    page = look(role)
    page.goto("/alerts")
    shown = set(page.get_by_role("navigation", name="Pages").get_by_role("link").all_inner_texts())
    assert shown >= EVERYBODY | more
    assert shown & {"Audit", "People"} == more
    expect(page.get_by_role("button", name="Assign to me")).to_have_count(int(triages))
    page.goto(f"/alerts/{instance.names()['single']}")
    expect(
        page.locator("#evidence .post").first if reads else page.get_by_text("do not let you read posts")
    ).to_be_visible()
