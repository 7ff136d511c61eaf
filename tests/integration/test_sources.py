"""A live source on a real Kafka: breaks, duplicates, disorder, garbage, deletions, stops."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from shared.events import Position, decode
from shared.topics import POSITIONS, POSTS, PUBLISHED, partition_of
from tests.networks.jetstream import Event, account, delete, identity, post
from tests.networks.source import SECOND, BlueskySource, ours, ours_of, source, start_us

PEOPLE = [f"did:plc:person{number}" for number in range(20)]
HANDLES = [f"somebody-{number}.example.org" for number in range(20)]


@pytest.fixture
def bluesky(kafka: str, topic_prefix: str, tmp_path: Path) -> Iterator[BlueskySource]:
    with source(kafka, topic_prefix, tmp_path) as made:
        yield made


def a_day(begin: int, count: int, step: int = SECOND // 10, name: str = "3k") -> list[Event]:
    """Events of all kinds, every second one a post, every third post with a medicine; a handle or a mail address in each."""
    events: list[Event] = []
    for number in range(count):
        who, at = number % len(PEOPLE), begin + number * step
        if number % 2:
            events.append(identity(PEOPLE[who], HANDLES[who], at))
        elif number % 6:
            events.append(post(PEOPLE[who], f"{name}{number}", f"good morning @{HANDLES[who]}", at))
        else:
            text = f"day {number} of zoloft, @{HANDLES[who]} and somebody{who}@example.com: so dizzy"
            events.append(post(PEOPLE[who], f"{name}{number}", text, at))
    return events


def with_medicine(events: list[Event]) -> set[str]:
    return {ours(event) for event in events if "zoloft" in event.get("commit", {}).get("record", {}).get("text", "")}


def shuffled(events: list[Event], reach: int) -> list[Event]:
    """The events, each moved by less than so many places."""
    order = random.Random(7)
    return [event for _, event in sorted(enumerate(events), key=lambda one: one[0] + order.uniform(0, reach))]


def test_the_second_protocol_is_followed_compressed_over_breaks(bluesky: BlueskySource) -> None:
    bluesky.configure(endpoints=[bluesky.server.second_url], compress=True, rewind_seconds=5)
    bluesky.server.break_every = 40
    bluesky.start()
    events = a_day(start_us(), 300)
    gone = next(event for event in events if ours_or_none(event) in with_medicine(events))
    bluesky.server.add(*events, delete(gone["did"], gone["commit"]["rkey"], events[-1]["time_us"] + 1))
    bluesky.wait_for(lambda: set(bluesky.posts()) == with_medicine(events) - {ours(gone)}, "posts")
    assert bluesky.deletions() == {ours(gone)}
    assert bluesky.server.dictionaries == 1


def test_a_kill_in_the_middle_of_the_archive_loses_nothing(bluesky: BlueskySource) -> None:
    began = start_us() - 400 * 24 * 3600 * SECOND
    events = [event | {"seq": number} for number, event in enumerate(a_day(began, 600), start=1)]
    blocks = [events[at : at + 100] for at in range(0, 600, 100)]
    bluesky.server.segments = [blocks[:4], blocks[4:]]
    bluesky.server.most_blocks = 3
    bluesky.configure(
        endpoints=[bluesky.server.second_url],
        begin=datetime.fromtimestamp(began / SECOND, UTC).date(),
        rewind_seconds=0,
    )
    bluesky.start()
    bluesky.wait_for(lambda: with_medicine(events[:300]) <= bluesky.posts().keys(), "posts of the first blocks")
    bluesky.wait_for(lambda: bluesky.listed()["state"] == "waiting", "state")
    assert bluesky.listed()["error"].endswith("getBlock answers with HTTP 503")
    bluesky.kill()
    bluesky.server.most_blocks = None
    now = post(PEOPLE[0], "3know", "zoloft", start_us())
    bluesky.server.add(now)
    bluesky.start()
    bluesky.wait_for(lambda: set(bluesky.posts()) == with_medicine(events) | {ours(now)}, "posts")
    assert bluesky.server.blocks < 12, "what was delivered before is not fetched again from the first segment on"
    assert bluesky.deletions() == set()


def ours_or_none(event: Event) -> str | None:
    return ours(event) if event["kind"] == "commit" else None


def test_over_many_breaks_every_post_comes_once_in_effect_and_nobody_is_named(bluesky: BlueskySource) -> None:
    bluesky.configure(rewind_seconds=5)
    bluesky.server.break_every = 130
    bluesky.server.twice = 7
    bluesky.server.garbage = {
        number: f'{{"did":"{PEOPLE[1]}","text":"@{HANDLES[1]} {number}"' for number in (50, 700, 1800)
    }
    bluesky.start()
    events = a_day(start_us(), 2400)
    bluesky.server.add(*shuffled(events, 30))
    expected = with_medicine(events)
    assert len(expected) == 400
    bluesky.wait_for(lambda: len(bluesky.posts()) >= len(expected), "all posts")
    assert bluesky.stop() == 0
    assert bluesky.server.connections > 20
    assert bluesky.posts().keys() == expected
    for record in bluesky.records(POSTS):
        assert record.partition == partition_of(record.key.decode(), POSTS.partitions)
    writers = {event["did"] for event in events if event["kind"] == "commit" and ours(event) in expected}
    assert len({one.author for one in bluesky.posts().values()}) == len(writers)
    assert [letter.reason for letter in bluesky.dead_letters()] == ["bad-frame"] * 3
    written = bluesky.everything()
    for name in [*PEOPLE, *HANDLES, "somebody1@", "did:plc", "good morning"]:
        assert name.encode() not in written, name
    assert b"zoloft" not in bluesky.log.read_bytes()


def test_kills_in_the_middle_lose_nothing(bluesky: BlueskySource) -> None:
    bluesky.configure(rewind_seconds=1)
    bluesky.start()
    begin = start_us()
    events = a_day(begin, 3000)
    expected = with_medicine(events)
    for part in range(5):
        bluesky.server.add(*events[part * 600 : (part + 1) * 600])
        done = len(with_medicine(events[: part * 600 + 200]))
        bluesky.wait_for(lambda done=done: len(bluesky.posts()) >= done, "posts before the kill")
        bluesky.kill()
        bluesky.start()
    bluesky.wait_for(lambda: len(bluesky.posts()) >= len(expected), "all posts")
    assert bluesky.posts().keys() == expected


def test_deletions_ends_of_accounts_and_updates_reach_every_topic(bluesky: BlueskySource) -> None:
    bluesky.start()
    t = start_us()
    anna, bert, carl = PEOPLE[:3]
    bluesky.server.add(
        *(post(anna, f"a{number}", f"zoloft makes me dizzy, {number}", t + number) for number in range(3)),
        *(post(bert, f"b{number}", f"zoloft makes me sick, {number}", t + number) for number in range(3)),
        post(carl, "c0", "zoloft, as it was first", t),
        post(carl, "c1", "zoloft, as it was first", t),
        post(carl, "c2", "a post of something else", t),
    )
    bluesky.wait_for(lambda: len(bluesky.posts()) == 8, "posts")
    bluesky.kill()
    bluesky.start()
    bluesky.server.add(
        delete(anna, "a1", t + SECOND),
        delete(carl, "c2", t + SECOND),
        account(bert, t + SECOND, "deactivated"),
        post(carl, "c0", "zoloft, as it is now", t + SECOND, operation="update"),
        post(carl, "c1", "nothing of the kind", t + SECOND, operation="update"),
        post(bert, "b1", "zoloft, late", t + SECOND - 1),
        post(anna, "a9", "zoloft once more", t + 2 * SECOND),
    )
    gone = {ours_of(anna, "a1"), ours_of(carl, "c1"), *(ours_of(bert, f"b{number}") for number in range(3))}
    bluesky.wait_for(lambda: bluesky.deletions() == gone, "deletions")
    left = {ours_of(anna, "a0"), ours_of(anna, "a2"), ours_of(anna, "a9"), ours_of(carl, "c0")}
    bluesky.wait_for(lambda: bluesky.posts().keys() == left, "posts that are left")
    assert bluesky.posts()[ours_of(carl, "c0")].text == "zoloft, as it is now"
    assert bluesky.stop() == 0
    published = {record.key.decode(): record.value for record in bluesky.records(PUBLISHED)}
    assert {key for key, value in published.items() if value is not None} == left
    # Everything comes again: what was taken back stays so in the end.
    before = len(bluesky.records(POSTS))
    bluesky.configure(rewind_seconds=3600)
    bluesky.start()
    bluesky.server.add(post(anna, "a10", "zoloft, the last", t + 3 * SECOND))
    left.add(ours_of(anna, "a10"))
    bluesky.wait_for(lambda: bluesky.posts().keys() == left, "posts that are left after a replay")
    assert len(bluesky.records(POSTS)) > before + 1


def test_a_stop_in_order_leaves_its_position_and_the_next_start_goes_on_there(bluesky: BlueskySource) -> None:
    bluesky.start()
    t = start_us()
    bluesky.server.add(*a_day(t, 60))
    bluesky.wait_for(lambda: len(bluesky.posts()) == 10, "posts")
    assert bluesky.stop() == 0
    listed = bluesky.listed()
    last = t + 59 * SECOND // 10
    assert (listed["state"], listed["position"], listed["error"]) == ("stopped", str(last), None)
    bluesky.server.add(*a_day(t + 60 * SECOND, 60, name="3l"))
    bluesky.start()
    bluesky.wait_for(lambda: len(bluesky.posts()) == 20, "what came while it was stopped")
    assert bluesky.server.queries[-1]["cursor"] == [str(last - 10 * SECOND)]


def test_what_a_network_has_no_more_after_a_long_absence_is_said(bluesky: BlueskySource) -> None:
    bluesky.start()
    t = start_us()
    bluesky.server.add(*a_day(t, 12))
    bluesky.wait_for(lambda: len(bluesky.posts()) == 2, "posts")
    assert bluesky.stop() == 0
    assert b"nothing left" not in bluesky.log.read_bytes()
    bluesky.server.add(*a_day(t + 500 * SECOND, 12, name="3l"))
    bluesky.start()
    bluesky.wait_for(lambda: len(bluesky.posts()) == 4, "posts after the gap")
    assert b"nothing left" in bluesky.log.read_bytes()


def test_a_silent_or_refusing_network_is_tried_again_and_the_list_says_why_it_waits(bluesky: BlueskySource) -> None:
    bluesky.configure(stall_seconds=3)
    bluesky.server.stall_after = 20
    bluesky.start()
    t = start_us()
    bluesky.server.add(*a_day(t, 60, step=SECOND))
    bluesky.wait_for(lambda: bluesky.server.connections > 2, "connection after silence")
    bluesky.server.refuse = 503
    bluesky.wait_for(lambda: "HTTP 503" in (bluesky.listed()["error"] or ""), "reason in the list")
    listed = bluesky.listed()
    assert listed["state"] == "waiting"
    assert listed["reconnects"] > 1
    assert listed["since"] is not None
    bluesky.server.refuse = bluesky.server.stall_after = None
    bluesky.wait_for(lambda: len(bluesky.posts()) == 10, "all posts")

    def well() -> bool:
        bluesky.server.add(identity(PEOPLE[0], HANDLES[0], t + 60 * SECOND))
        listed = bluesky.listed()
        return listed["state"] == "running" and listed["error"] is None

    bluesky.wait_for(well, "good news in the list")


def test_the_commands_check_list_and_name_what_is_wrong(bluesky: BlueskySource) -> None:
    assert bluesky.listed()["state"] == "never ran"
    bluesky.server.add(*a_day(start_us(), 3))
    done = bluesky.command("sources", "check")
    assert done.returncode == 2, "nothing comes while it is checked"
    assert "sent nothing for" in done.stderr
    assert bluesky.command("sources", "check", "--offline").returncode == 0
    bluesky.server.refuse = 404
    assert "answers with HTTP 404" in bluesky.command("sources", "check", "bluesky").stderr
    done = bluesky.command("sources", "run", "mastodon")
    assert (done.returncode, "there is no source mastodon" in done.stderr) == (2, True)
    bluesky.configure(identifier="drop")
    done = bluesky.command("sources", "check")
    assert (done.returncode, "there is no key identifier" in done.stderr) == (2, True)
    assert "Traceback" not in done.stderr
    assert [decode(record.value, Position) for record in bluesky.records(POSITIONS)] == []


def test_texts_are_forgotten_after_their_time_and_what_was_counted_of_them_is_not(bluesky: BlueskySource) -> None:
    # A second, and nothing comes again after the kill.
    bluesky.configure(text_days=1 / 86_400, rewind_seconds=0)
    bluesky.server.garbage = {0: "no event"}
    bluesky.start()
    t = start_us()
    bluesky.server.add(*a_day(t, 12))
    bluesky.wait_for(lambda: bluesky.listed()["position"] == str(t + 11 * SECOND // 10), "the last position")
    assert len(bluesky.records(POSTS)) == 2
    bluesky.kill()
    bluesky.start()
    bluesky.wait_for(lambda: not bluesky.posts() and not bluesky.dead_letters(), "end of the texts")
    assert bluesky.deletions() == set()

    def said() -> dict[str, Any]:
        [policy] = json.loads(bluesky.command("sources", "policies", "--json").stdout)
        return policy["forgotten"] or {}

    bluesky.wait_for(lambda: said().get("texts") == 3, "word of what was forgotten")
    assert said()["oldest_left"] is None
    assert bluesky.listed()["forgotten"] == said()
