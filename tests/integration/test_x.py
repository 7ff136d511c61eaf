"""X on a real Kafka, through the frame of all sources: breaks, kills, gaps, credentials, rules, deletions, the month's cap."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaProducer

from services.ingest.networks.x.place import Place
from shared.events import Position, Published, decode, encode
from shared.text.identity import post_hash
from shared.topics import POSITIONS, POSTS, PUBLISHED, partition_of
from tests.networks.source import SECRET, Source, started
from tests.networks.x import TOKEN, FakeX, Tweet, fake_x, post_id, tweet

HOUR = 3600.0
AUTHORS = [f"77000000{number}" for number in range(10)]


class XSource(Source):
    """A source called x, and its X."""

    def __init__(self, kafka: str, prefix: str, folder: Path, server: FakeX) -> None:
        token = folder / "token"
        token.write_text(server.token)
        token.chmod(0o600)
        keys: dict[str, Any] = {
            "type": "x", "base_url": server.url, "bearer_token": {"file": str(token)}, "drugs": ["sertraline"],
            "search_delay_seconds": 0.2, "rewind_seconds": 5, "max_posts_per_month": 100_000,
        }  # fmt: skip
        super().__init__(kafka, prefix, folder, "x", keys, lambda: server.connections)
        self.server, self.token = server, token

    def stopped_at(self, at: float) -> None:
        """Write the position of a source that was stopped at a time."""
        moment = datetime.fromtimestamp(at, UTC)
        position = Position(
            source="x", cursor=Place(int(post_id(at)), f"{moment:%Y-%m}", 0, int(time.time())).encode(), reached=moment,
            written_at=moment, state="stopped",
        )  # fmt: skip
        producer = KafkaProducer(bootstrap_servers=self.kafka)
        producer.send(POSITIONS.name(self.prefix), key=b"x", value=encode(position)).get(30)
        producer.close()


@pytest.fixture
def x(kafka: str, topic_prefix: str, tmp_path: Path) -> Iterator[XSource]:
    with fake_x() as server:
        made = XSource(kafka, topic_prefix, tmp_path, server)
        with started(made):
            yield made


def ours(one: Tweet) -> str:
    """The id that a post has at adrwatch."""
    return f"x:{post_hash(SECRET, 'x', one['id'])}"


def some(begin: float, count: int, step: float = 0.001, first: int = 0) -> list[Tweet]:
    """Posts about a medicine, each with a handle, a mail address and an author."""
    return [
        tweet(begin + number * step, f"day {first + number} of zoloft, @somebody and anna@example.com: so dizzy",
              first + number, author=AUTHORS[number % 10])
        for number in range(count)
    ]  # fmt: skip


def test_over_many_breaks_every_post_comes_once_in_effect_and_nobody_is_named(x: XSource) -> None:
    x.server.break_every = 10
    x.server.twice = 7
    x.server.garbage = dict.fromkeys((3, 11), b'{"data":{"id":"1591234567890123456","text":"zoloft @somebody an')
    x.start()
    expected: dict[str, Tweet] = {}
    for part in range(30):
        tweets = some(time.time(), 20, first=part * 20)
        expected |= {ours(one): one for one in tweets}
        x.server.add(*tweets)
        x.wait_for(lambda goal=x.server.connections + 1: x.server.connections >= goal, "the next connection")
    x.server.break_every = None
    x.wait_for(lambda: len(x.posts()) >= len(expected), "all posts")
    assert x.stop() == 0
    assert x.server.connections > 30
    assert x.posts().keys() == expected.keys()
    assert sorted(one.text.split()[1] for one in x.posts().values()) == sorted(str(number) for number in range(600))
    for record in x.records(POSTS):
        assert record.partition == partition_of(record.key.decode(), POSTS.partitions)
    assert {letter.reason for letter in x.dead_letters()} == {"bad-line"}
    written = x.everything()
    for name in ["somebody", "anna@", TOKEN, *AUTHORS, *(one["id"] for one in expected.values())]:
        assert name.encode() not in written, name
    assert b"zoloft" not in x.log.read_bytes()
    assert {one.author for one in x.posts().values()} == {None}


def test_kills_in_the_middle_lose_nothing(x: XSource) -> None:
    x.start()
    expected: set[str] = set()
    for part in range(4):
        first, second = some(time.time(), 100, first=part * 200), some(time.time() + 0.2, 100, first=part * 200 + 100)
        expected |= {ours(one) for one in [*first, *second]}
        x.server.add(*first)
        x.wait_for(lambda goal=len(expected) - 150: len(x.posts()) >= goal, "posts before the kill")
        x.kill()
        x.server.add(*second)
        x.start()
    x.wait_for(lambda: len(x.posts()) >= len(expected), "all posts")
    assert x.posts().keys() == expected


def test_an_absence_of_twelve_hours_is_filled_by_search_and_is_no_gap(x: XSource) -> None:
    now = time.time()
    x.server.page = 40
    missed = some(now - 12 * HOUR, 300, step=140.0)
    x.server.add(*some(now - 13 * HOUR, 5, first=900), *missed)
    x.stopped_at(now - 12 * HOUR)
    x.start()
    x.wait_for(lambda: len(x.posts()) >= len(missed), "what was missed")
    live = some(time.time(), 5, first=500)
    x.server.add(*live)
    x.wait_for(lambda: len(x.posts()) >= len(missed) + len(live), "what is new")
    assert x.posts().keys() == {ours(one) for one in [*missed, *live]}
    assert b"nothing left" not in x.log.read_bytes()
    listed = x.listed()
    assert listed["lag_seconds"] < 60
    assert Place.decode(listed["position"]).read >= 305


def test_without_search_an_absence_is_said_to_be_missing(x: XSource) -> None:
    x.configure(search=False)
    x.stopped_at(time.time() - 2 * HOUR)
    x.start()
    x.wait_for(lambda: b"nothing left" in x.log.read_bytes(), "word of the gap")
    assert 2 * HOUR - 60 < x.measured("adrwatch_source_gap_seconds_total") < 2 * HOUR + 60


def test_a_revoked_credential_is_a_state_and_a_new_one_is_taken_up(x: XSource) -> None:
    x.start()
    x.server.token = "a-new-token-for-tests"
    x.server.break_every = 1
    x.server.add(*some(time.time(), 1))
    x.wait_for(lambda: "refuses the credential" in (x.listed()["error"] or ""), "reason in the list")
    assert x.listed()["state"] == "waiting"
    done = x.command("sources", "check", "x")
    assert (done.returncode, "refuses the credential (HTTP 401)" in done.stderr) == (2, True)
    missed = some(time.time(), 3, first=10)
    x.server.break_every = None
    x.server.add(*missed)
    x.token.write_text(x.server.token)
    x.wait_for(lambda: len(x.posts()) == 4, "what came meanwhile")
    x.wait_for(lambda: x.listed()["state"] == "running", "good news in the list")
    assert TOKEN.encode() not in x.log.read_bytes()
    assert b"a-new-token" not in x.log.read_bytes()


def test_other_medicines_after_a_restart_change_only_rules_of_this_source(x: XSource) -> None:
    x.server.rules["900"] = {"id": "900", "value": "cats", "tag": "adrwatch:another"}
    x.start()
    assert x.stop() == 0
    before = set(x.server.rules)
    x.configure(drugs=["sertraline", "adalimumab"])
    x.start()
    assert set(x.server.rules) > before, "what finds the same stays"
    x.server.add(tweet(time.time(), "humira makes me dizzy"))
    x.wait_for(lambda: len(x.posts()) == 1, "a post of the new medicine")
    assert x.server.rules["900"]["value"] == "cats"


def test_what_is_gone_at_x_is_taken_back_and_its_encrypted_id_with_it(x: XSource) -> None:
    x.configure(compliance_hours=0.001)
    x.start()
    tweets = some(time.time(), 5)
    x.server.add(*tweets)
    x.wait_for(lambda: len(x.posts()) == 5, "posts")
    x.server.remove(tweets[0]["id"], "deleted")
    x.server.remove(tweets[1]["id"], "suspended")
    x.kill()
    x.start()
    gone, left = {ours(one) for one in tweets[:2]}, {ours(one) for one in tweets[2:]}
    x.wait_for(lambda: x.deletions() == gone, "deletions")
    x.wait_for(lambda: x.posts().keys() == left, "posts that are left")
    edit = tweet(time.time(), "day 2 of zoloft, no longer dizzy", 77)
    edit["edit_history_tweet_ids"] = [tweets[2]["id"], edit["id"]]
    x.server.add(edit)
    left = (left - {ours(tweets[2])}) | {ours(edit)}
    x.wait_for(lambda: x.posts().keys() == left, "the edit in place of the first version")
    notes = {record.key.decode(): record.value for record in x.records(PUBLISHED)}
    assert {key for key, value in notes.items() if value is not None} == left
    assert all(decode(value, Published).sealed for value in notes.values() if value is not None)


def test_encrypted_ids_are_kept_for_their_days_only(x: XSource) -> None:
    # Nothing is read again after the kill, which would seal it anew.
    x.configure(compliance_days=1e-6, search=False)
    x.start()
    tweets = some(time.time(), 3)
    x.server.add(*tweets)
    x.wait_for(lambda: len(x.posts()) == 3, "posts")
    x.kill()
    x.start()

    def notes() -> list[Published]:
        last = {record.key: record.value for record in x.records(PUBLISHED)}
        return [decode(value, Published) for value in last.values()]

    x.wait_for(lambda: all(one.sealed is None for one in notes()), "notes without ids")
    assert {one.id for one in notes()} == {ours(one) for one in tweets}


def test_a_month_that_is_paid_is_a_state_that_the_list_shows_all_the_while(x: XSource) -> None:
    x.configure(max_posts_per_month=3)
    x.start()
    x.server.add(*some(time.time(), 9))
    x.wait_for(lambda: "3 posts of X were read this month" in (x.listed()["error"] or ""), "reason in the list")
    first = x.listed()
    assert (first["state"], len(x.posts())) == ("waiting", 3)
    x.wait_for(lambda: x.listed()["heard"] > first["heard"], "word from a source that waits")
    assert x.stop() == 0
    x.configure(max_posts_per_month=1000)
    x.start()
    x.wait_for(lambda: len(x.posts()) == 9, "what the new cap pays for")


def test_the_commands_say_what_would_be_looked_for_and_what_is_wrong(x: XSource) -> None:
    done = x.command("sources", "check", "x")
    assert done.returncode == 0, done.stderr
    assert "takes the credential and 1 rules for" in done.stdout
    x.configure(operators="bogus:yes")
    done = x.command("sources", "check", "x")
    assert (done.returncode, "refuses a rule" in done.stderr) == (2, True)
    x.configure(max_posts_per_month=0)
    assert "max_posts_per_month" in x.command("sources", "check", "--offline").stderr
    x.configure(bearer_token={"env": "NO_SUCH_VARIABLE"})
    done = x.command("sources", "check", "x")
    assert "the variable NO_SUCH_VARIABLE is not set" in done.stderr
    assert "Traceback" not in done.stderr
    assert x.server.connections == 0
