"""A dead letter by clicks: seen with its reason, looked at, sent back, and gone from the list."""

from __future__ import annotations

import uuid

from playwright.sync_api import expect

from shared.events import DeadLetter, Post, decode, encode, now
from shared.stream import Output
from shared.topics import DEAD_LETTERS, POSTS
from shared.writer import Writer
from tests import topics
from tests.browser.conftest import Open
from tests.browser.instance import PATIENCE, Instance
from tests.browser.watching import Watch, violations

OURS = "our own words of examplamycin"


def bury(instance: Instance) -> DeadLetter:
    """A post that the pipeline gave up, as a dead letter."""
    settings, name = instance.settings, f"own:{uuid.uuid4().hex[:8]}"
    topic = POSTS.name(settings.topic_prefix)
    post = Post(id=name, source="own", text=OURS, created_at=now(), ingested_at=now())
    letter = DeadLetter(
        id=f"{topic}:1:4:{name}", reason="timeout", detail="the classifier gave no answer", stage="classify", topic=topic,
        partition=1, offset=4, occurred_at=now(), payload=encode(post), key=name.encode(),
    )  # fmt: skip
    with Writer(settings, PATIENCE) as writer:
        writer.write([Output(DEAD_LETTERS, letter.id, encode(letter))])
    return letter


def test_a_dead_letter_is_looked_at_sent_back_by_click_and_gone(look: Open, instance: Instance, watch: Watch) -> None:
    letter = bury(instance)
    page = look("operator")
    page.goto("/operations")
    # The page finds it by itself.
    page.get_by_role("link", name="timeout").click()
    row = page.locator("tbody tr", has_text=letter.id)
    expect(row).to_contain_text("classify")
    row.get_by_role("link").click()
    expect(page.get_by_text(letter.detail)).to_be_visible()
    expect(page.locator("body")).not_to_contain_text(OURS)
    page.get_by_role("link", name="Replay it").click()
    expect(page.get_by_role("heading", name="Replay 1 dead letter?")).to_be_visible()
    assert violations(page) == []
    page.get_by_label("Why, for the audit trail").fill("the classifier runs again")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status").first).to_contain_text("1 replayed")
    assert violations(page) == []

    settings = instance.settings
    [back] = [one for one in topics.records(settings.require("kafka_bootstrap"), letter.topic) if one.key == letter.key]
    assert (back.partition, decode(back.value, Post).text) == (letter.partition, OURS)
    # On the way back to the question it is said to be done, and nothing can be sent twice.
    watch.foreseen.add(422)
    page.go_back()
    expect(page.get_by_role("alert")).to_contain_text("none of these dead letters is there any more", ignore_case=True)
    page.goto("/operations/dead-letters")
    expect(page.get_by_text(letter.id)).to_have_count(0)
