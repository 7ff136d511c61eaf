"""A forum on a real Kafka: failures, a gap, edits, deletions, kills."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.text.identity import post_hash
from shared.topics import POSTS
from tests.networks.discourse import KEY, ForumSite, forum_site, too_often
from tests.networks.site import Answer
from tests.networks.source import SECRET, Source, started


@pytest.fixture
def forum() -> Iterator[ForumSite]:
    with forum_site() as made:
        made.add("<p>good morning</p>")
        yield made


@pytest.fixture
def source(kafka: str, topic_prefix: str, tmp_path: Path, forum: ForumSite) -> Iterator[Source]:
    keys = {
        "type": "discourse", "forum": forum.url, "private_addresses": True, "interval_seconds": 0.1,
        "pause_seconds": 0, "look_again_minutes": 0.005, "timeout_seconds": 2,
    }  # fmt: skip
    made = Source(kafka, topic_prefix, tmp_path, "patients", keys, lambda: len(forum.requests("/posts.json")))
    with started(made):
        yield made


def ours(forum: ForumSite, number: int) -> str:
    address = f"{forum.url.removeprefix('http://')}/{number}"
    return f"patients:{post_hash(SECRET, 'patients', address)}"


def write(forum: ForumSite, count: int) -> set[str]:
    """Posts of which every third names a medicine: gives the ids of those."""
    found: set[str] = set()
    for number in range(count):
        what = "zoloft" if number % 3 == 0 else "tea"
        text = f'<p>{what} {number}, <a class="mention" href="/u/jane.doe">@jane.doe</a>, jane@example.com</p>'
        at = forum.add(text, f"writer.{number % 7}")
        if what == "zoloft":
            found.add(ours(forum, at))
    return found


def test_over_failures_kills_and_a_gap_every_post_comes_once_in_effect_and_nobody_is_named(
    source: Source, forum: ForumSite
) -> None:
    forum.broken_every = 9
    source.start()
    source.wait_for(lambda: source.listed()["position"], "the first position")
    expected: set[str] = set()
    for _ in range(4):
        forum.next_answers["/posts.json"].extend([Answer(body=b'{"latest', cut=5), Answer(500), too_often(0)])
        expected |= write(forum, 60)
        source.wait_for(lambda ids=frozenset(expected): source.posts().keys() & ids, "a post before the kill")
        source.kill()
        expected |= write(forum, 130)
        forum.skip(70)
        source.start()
    source.wait_for(lambda: source.posts().keys() >= expected, "all posts")
    assert source.stop() == 0
    assert source.posts().keys() == expected
    assert source.deletions() == set()
    written = source.everything()
    for name in ["writer.", "jane", "tea "]:
        assert name.encode() not in written, name
    assert b"zoloft" not in source.log.read_bytes()


def test_edits_and_deletions_reach_every_topic_also_after_an_absence(source: Source, forum: ForumSite) -> None:
    source.start()
    source.wait_for(lambda: source.listed()["position"], "the first position")
    numbers = [forum.add(f"<p>zoloft {number}</p>") for number in range(5)]
    source.wait_for(lambda: len(source.posts()) == 5, "posts")
    source.wait_for(lambda: f'"last":{numbers[-1]}' in source.listed()["position"], "the position")
    assert source.stop() == 0
    forum.delete(numbers[0])
    forum.edit(numbers[1], "<p>zoloft, as it is now</p>")
    forum.edit(numbers[2], "<p>something else</p>")
    forum.skip(3)
    source.start()
    gone = {ours(forum, numbers[0]), ours(forum, numbers[2])}
    source.wait_for(lambda: source.deletions() == gone, "deletions")
    edited = ours(forum, numbers[1])
    source.wait_for(lambda: source.posts()[edited].text == "zoloft, as it is now", "the edit")
    left = {ours(forum, number) for number in (numbers[1], numbers[3], numbers[4])}
    source.wait_for(lambda: source.posts().keys() == left, "posts that are left")
    forum.posts.clear()
    source.wait_for(lambda: "no post that is open" in (source.listed()["error"] or ""), "the reason")
    assert source.stop() == 0
    assert source.posts().keys() == left
    assert {record.key.decode() for record in source.records(POSTS)} == left | gone


def test_a_revoked_key_is_said_and_half_a_day_later_a_new_one_goes_on_where_it_stopped(
    source: Source, forum: ForumSite
) -> None:
    source.environment["FORUM_KEY"] = KEY
    forum.login, forum.skew = True, -12 * 3600.0
    source.configure(api_key={"env": "FORUM_KEY"}, api_username="reader")
    source.start()
    source.wait_for(lambda: source.listed()["position"], "the first position")
    expected = write(forum, 30)
    source.wait_for(lambda: source.posts().keys() == expected, "posts")
    forum.revoked = True
    source.wait_for(lambda: "refuses the key" in (source.listed()["error"] or ""), "the reason")
    assert source.stop() == 0
    # Others write on, and much of it is not open.
    forum.skew = 0.0
    expected |= write(forum, 300)
    forum.skip(100)
    forum.revoked = False
    source.start()
    source.wait_for(lambda: source.posts().keys() == expected, "what was written meanwhile")
    assert source.stop() == 0
    assert source.deletions() == set()
    assert b"nothing left" not in source.log.read_bytes()
    assert KEY.encode() not in source.everything()
