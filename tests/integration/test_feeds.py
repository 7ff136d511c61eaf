"""A source of feeds on a real Kafka: failures, edits, kills."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from shared.topics import POSTS
from tests.networks.feeds import Entry, FeedSite, feed_site, ours_of
from tests.networks.site import Answer
from tests.networks.source import Source, started

TIME = datetime(2026, 3, 1, 8, tzinfo=UTC)
NAMES = ["anna.example", "bert.example", "carl.example"]


@pytest.fixture
def site() -> Iterator[FeedSite]:
    with feed_site(holds=1000) as made:
        made.add("talk")
        made.add("blog")
        yield made


@pytest.fixture
def source(kafka: str, topic_prefix: str, tmp_path: Path, site: FeedSite) -> Iterator[Source]:
    keys = {
        "type": "feeds", "feeds": [site.feed("talk"), site.feed("blog", "atom")], "private_addresses": True,
        "interval_minutes": 0.002, "slowest_minutes": 0.002, "timeout_seconds": 2,
    }  # fmt: skip
    made = Source(kafka, topic_prefix, tmp_path, "forums", keys, lambda: len(site.requests("/talk.rss")))
    with started(made):
        yield made


def entries(begin: int, count: int) -> list[Entry]:
    """Every third one names a medicine; an author, a handle and a mail address in each."""
    return [
        Entry(
            f"tag:{number}",
            f"<p>{'zoloft' if number % 3 == 0 else 'tea'}, day {number}, says @jane_doe and jane@example.com</p>",
            TIME + timedelta(minutes=number),
            author=NAMES[number % 3 - 1],
        )
        for number in range(begin, begin + count)
    ]


def expected(count: int) -> set[str]:
    return {ours_of("forums", f"tag:{number}") for number in range(0, count, 3)}


def test_over_many_failures_every_entry_comes_once_in_effect_and_nobody_is_named(
    source: Source, site: FeedSite
) -> None:
    site.broken_every = 5
    source.start()
    for part in range(10):
        site.add("talk" if part % 2 else "blog", *entries(part * 30, 30))
        site.next_answers["/talk.rss"].extend([Answer(body=b"<rss><chan"), Answer(body=b"x" * 100, cut=3), Answer(500)])
        site.next_answers["/blog.atom"].append(Answer(429, headers={"Retry-After": "0"}))
        source.wait_for(lambda part=part: source.posts().keys() >= expected(part * 30 + 30), f"posts of part {part}")
    site.add("talk", Entry("tag:30", "<p>zoloft, as it is now</p>", TIME), Entry("tag:33", "<p>nothing</p>", TIME))
    gone = ours_of("forums", "tag:33")
    source.wait_for(lambda: source.deletions() == {gone}, "the deletion")
    source.wait_for(lambda: source.posts()[ours_of("forums", "tag:30")].text == "zoloft, as it is now", "the edit")
    assert source.stop() == 0
    assert source.posts().keys() == expected(300) - {gone}
    assert len(source.records(POSTS)) == 100 + 1 + 1, "each once, an edit, and a tombstone"
    assert source.listed()["reconnects"] > 0
    written = source.everything()
    for name in [*NAMES, "jane", "tag:", "day 1,"]:
        assert name.encode() not in written, name
    assert b"zoloft" not in source.log.read_bytes()


def test_kills_in_the_middle_lose_nothing_and_repeat_nothing_that_was_settled(source: Source, site: FeedSite) -> None:
    source.start()
    for part in range(4):
        site.add("talk", *entries(part * 90, 90))
        source.wait_for(lambda part=part: len(source.posts()) > part * 30, "posts before the kill")
        source.kill()
        source.start()
    source.wait_for(lambda: source.posts().keys() == expected(360), "all posts")
    source.wait_for(lambda: source.listed()["state"] == "running", "the position")
    assert source.stop() == 0
    before = len(source.records(POSTS))
    source.start()
    site.add("talk", *entries(360, 3))
    source.wait_for(lambda: source.posts().keys() == expected(363), "the new post")
    assert source.stop() == 0
    assert len(source.records(POSTS)) == before + 1


def test_a_feed_that_is_closed_is_said_and_what_it_dropped_meanwhile_is_a_gap(source: Source, site: FeedSite) -> None:
    source.configure(feeds=[site.feed("talk")])
    site.holds = 6
    site.add("talk", *entries(0, 6))
    source.start()
    source.wait_for(lambda: source.posts().keys() == expected(6), "the first posts")
    site.closed = True
    source.wait_for(lambda: "HTTP 401: it is not open to everybody" in (source.listed()["error"] or ""), "the reason")
    assert source.posts().keys() == expected(6), "what cannot be read is not gone"
    late = datetime.now(UTC) + timedelta(hours=12)
    site.add("talk", *(Entry(f"tag:{number}", "<p>zoloft</p>", late) for number in range(300, 320)))
    site.closed = False
    left = expected(6) | {ours_of("forums", f"tag:{number}") for number in range(314, 320)}
    source.wait_for(lambda: source.posts().keys() == left, "what the feed still has")
    assert 43_000 < source.measured("adrwatch_source_gap_seconds_total") < 43_300
    [told] = [line for line in source.log.read_text().splitlines() if "nothing left from a time before" in line]
    assert f"{late:%Y-%m-%d %H:%M}" in told
    assert source.deletions() == set()


def test_the_commands_say_what_is_wrong_with_a_feed(source: Source, site: FeedSite) -> None:
    done = source.command("sources", "check")
    assert (done.returncode, "0 entries" in done.stdout) == (0, True), done.stderr
    site.robots = "User-agent: *\nDisallow: /\n"
    done = source.command("sources", "check", "forums")
    assert (done.returncode, "is not for robots" in done.stderr) == (2, True)
    source.configure(private_addresses=False)
    done = source.command("sources", "check", "forums")
    assert (done.returncode, "private_addresses = true" in done.stderr) == (2, True)
    source.configure(feeds=["ftp://example.org/x"])
    done = source.command("sources", "check", "--offline")
    assert (done.returncode, "feeds" in done.stderr, "Traceback" in done.stderr) == (2, True, False)
