"""Mastodon on a real Kafka: breaks, kills, half a day away, a revoked token, deletions and edits."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from shared.events import Published, decode
from shared.text.identity import post_hash
from shared.topics import PUBLISHED
from tests.networks.mastodon import TOKEN, Instance, Status, instance, snowflake, status
from tests.networks.source import SECRET, Source, started

NAMES = [f"somebody_{number}" for number in range(20)]


class MastodonSource(Source):
    """A source called fedi, of one instance or several."""

    def __init__(self, kafka: str, prefix: str, folder: Path, *servers: Instance) -> None:
        instances = [{"url": one.url, "token": {"env": "FEDI_TOKEN"}} for one in servers]
        keys: dict[str, Any] = {"type": "mastodon", "instances": instances, "rewind_seconds": 5}
        super().__init__(kafka, prefix, folder, "fedi", keys, lambda: sum(one.connections for one in servers))
        self.environment["FEDI_TOKEN"] = TOKEN
        self.server, *self.others = servers


@pytest.fixture
def fedi(kafka: str, topic_prefix: str, tmp_path: Path) -> Iterator[MastodonSource]:
    with instance() as server:
        made = MastodonSource(kafka, topic_prefix, tmp_path, server)
        with started(made):
            yield made


def some(count: int, begin: float, step: float = 0.1) -> list[Status]:
    """Statuses, every third one with a medicine; a handle in each, and a mail address in some."""
    made = []
    for number in range(count):
        name = NAMES[number % len(NAMES)]
        mention = f'<a class="u-url mention" href="https://far.example/@{name}">@<span>{name}</span></a>'
        text = f"day {number} of zoloft, {name}@example.com" if number % 3 == 0 else "good morning"
        made.append(status(name, f"<p>{mention} {text}</p>", begin + number * step, number))
    return made


def ours(one: Status) -> str:
    return f"fedi:{post_hash(SECRET, 'fedi', one['uri'])}"


def with_medicine(statuses: list[Status]) -> set[str]:
    return {ours(one) for one in statuses if "zoloft" in one["content"]}


def shuffled(statuses: list[Status], reach: int) -> list[Status]:
    order = random.Random(7)
    return [one for _, one in sorted(enumerate(statuses), key=lambda pair: pair[0] + order.uniform(0, reach))]


def test_over_many_breaks_every_post_is_there_once_and_nobody_is_named(fedi: MastodonSource) -> None:
    fedi.server.break_every = 40
    fedi.server.twice = 7
    fedi.server.garbage = dict.fromkeys((50, 300), f'{{"event":"update","payload":"{{\\"acct\\":\\"{NAMES[3]}')
    fedi.start()
    statuses = some(900, time.time() - 300)
    expected = with_medicine(statuses)
    for at in range(0, 900, 30):
        fedi.server.add(*shuffled(statuses[at : at + 30], 30))
        read = with_medicine(statuses[: at + 1])
        fedi.wait_for(lambda read=read: len(fedi.posts()) >= len(read), "posts of a part")
    fedi.wait_for(lambda: len(fedi.posts()) >= len(expected), "all posts")
    assert fedi.stop() == 0
    assert fedi.server.connections > 5
    assert fedi.posts().keys() == expected
    assert len({one.author for one in fedi.posts().values()}) == len(NAMES)
    assert {letter.reason for letter in fedi.dead_letters()} == {"bad-frame"}
    written = fedi.everything()
    for name in [*NAMES, *(name.title() for name in NAMES), "far.example", TOKEN, "good morning"]:
        assert name.encode() not in written, name
    assert b"zoloft" not in fedi.log.read_bytes()


def test_kills_in_the_middle_lose_nothing(fedi: MastodonSource) -> None:
    fedi.start()
    statuses = some(600, time.time() - 300)
    for part in range(3):
        fedi.server.add(*statuses[part * 200 : part * 200 + 200])
        some_of_it = len(with_medicine(statuses[: part * 200 + 60]))
        fedi.wait_for(lambda least=some_of_it: len(fedi.posts()) >= least, "posts before the kill")
        fedi.kill()
        fedi.start()
    expected = with_medicine(statuses)
    fedi.wait_for(lambda: len(fedi.posts()) >= len(expected), "all posts")
    assert fedi.posts().keys() == expected


def test_half_a_day_away_is_read_from_the_timelines_and_is_no_gap(fedi: MastodonSource) -> None:
    begin = time.time() - 13 * 3600
    first = status("anna", "zoloft, the first", begin, 9999)
    fedi.server.add(first)
    fedi.start()
    fedi.wait_for(lambda: fedi.posts().keys() == {ours(first)}, "the first post")
    assert fedi.stop() == 0
    statuses = some(400, begin + 60, step=100)
    fedi.server.add(*statuses)
    fedi.start()
    expected = with_medicine(statuses) | {ours(first)}
    fedi.wait_for(lambda: len(fedi.posts()) >= len(expected), "what was written meanwhile")
    assert fedi.posts().keys() == expected
    assert fedi.stop() == 0
    assert b"nothing left" not in fedi.log.read_bytes()
    [host] = json.loads(fedi.listed()["position"])["instances"].values()
    assert host == {"public": statuses[-1]["id"]}


def test_deletions_and_edits_reach_every_topic_even_after_a_kill(fedi: MastodonSource) -> None:
    now = time.time() - 60
    statuses = [status(NAMES[number], f"zoloft, {number}", now + number, number) for number in range(5)]
    fedi.start()
    fedi.server.add(*statuses)
    fedi.wait_for(lambda: fedi.posts().keys() == with_medicine(statuses), "posts")
    fedi.wait_for(lambda: len({record.key for record in fedi.records(PUBLISHED)}) == 10, "names of the posts")
    fedi.kill()
    fedi.start()
    # Only what a connection was subscribed to is told; the first event tells that it is.
    late = status("late", "zoloft, late", now + 30, 30)
    fedi.server.add(late)
    fedi.wait_for(lambda: ours(late) in fedi.posts(), "a post after the kill")
    fedi.server.delete(snowflake(now + 1, 1))
    fedi.server.edit(snowflake(now + 2, 2), now + 40, content="<p>zoloft, as it is now</p>")
    fedi.server.edit(snowflake(now + 3, 3), now + 40, content="<p>nothing of the kind</p>")
    fedi.server.edit(snowflake(now + 4, 4), now + 40, visibility="private", content="<p>zoloft</p>")
    gone = {ours(statuses[number]) for number in (1, 3, 4)}
    fedi.wait_for(lambda: fedi.deletions() == gone, "deletions")
    left = {ours(statuses[0]), ours(statuses[2]), ours(late)}
    fedi.wait_for(lambda: fedi.posts().keys() == left, "posts that are left")
    fedi.wait_for(lambda: fedi.posts()[ours(statuses[2])].text == "zoloft, as it is now", "the edited post")
    assert fedi.stop() == 0
    known = {record.key.decode(): record.value for record in fedi.records(PUBLISHED)}
    standing = {key for key, value in known.items() if value is not None}
    assert len(standing) == 2 * len(left), "each post and its name at the instance, and none of those that are gone"
    assert fedi.posts().keys() == left


def test_what_is_deleted_and_edited_while_nobody_listens_is_asked_for(fedi: MastodonSource) -> None:
    now = time.time() - 3600
    statuses = [status(NAMES[number], f"zoloft, {number}", now + number, number) for number in range(4)]
    # Read because it is followed from here; a later start begins far after them.
    fedi.configure(rewind_seconds=7200)
    fedi.server.add(*statuses)
    fedi.start()
    fedi.wait_for(lambda: fedi.posts().keys() == with_medicine(statuses), "posts")
    assert fedi.stop() == 0
    fedi.server.delete(statuses[1]["id"])
    fedi.server.edit(statuses[2]["id"], time.time(), content="<p>zoloft, as it is now</p>")
    fedi.configure(rewind_seconds=5)
    fedi.start()
    gone = ours(statuses[1])
    fedi.wait_for(lambda: fedi.deletions() == {gone}, "deletion")
    fedi.wait_for(lambda: fedi.posts()[ours(statuses[2])].text == "zoloft, as it is now", "the edited post")
    left = with_medicine([statuses[0], statuses[2], statuses[3]])
    fedi.wait_for(lambda: fedi.posts().keys() == left, "posts that are left")
    notes = {record.key.decode(): record.value for record in fedi.records(PUBLISHED)}
    assert notes[gone] is None
    assert all(decode(notes[one], Published).sealed for one in left)
    kept = b"".join(record.value or b"" for record in fedi.records(PUBLISHED))
    assert not [one for one in statuses if one["id"].encode() in kept or one["uri"].encode() in kept]


def test_a_revoked_token_is_said_and_a_new_one_goes_on_where_it_stopped(fedi: MastodonSource) -> None:
    fedi.start()
    first, second = some(4, time.time() - 60)[::3]
    fedi.server.add(first)
    fedi.wait_for(lambda: len(fedi.posts()) == 1, "a post")
    fedi.server.revoked = True
    fedi.wait_for(lambda: "refuses the token" in (fedi.listed()["error"] or ""), "the reason in the list")
    done = fedi.command("sources", "check", "fedi")
    assert (done.returncode, "refuses the token (HTTP 401)" in done.stderr) == (2, True)
    assert TOKEN not in done.stdout + done.stderr
    fedi.server.add(second)
    fedi.server.revoked = False
    fedi.wait_for(lambda: len(fedi.posts()) == 2, "what was written meanwhile")
    assert fedi.command("sources", "check", "fedi").returncode == 0
    assert TOKEN.encode() not in fedi.everything()
