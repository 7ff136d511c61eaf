"""Reddit on a real Kafka, through the frame of all sources: breaks, kills, gaps, bursts, a revoked key, deletions."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from kafka import KafkaProducer

from services.ingest.networks.reddit.place import Place
from shared.events import Position, Published, decode, encode
from shared.text.identity import post_hash
from shared.topics import POSITIONS, PUBLISHED
from tests.networks.reddit import AGENT, CLIENT_ID, RedditSite, reddit_site
from tests.networks.source import SECRET, Source, started
from tests.networks.town import secret

HOUR = 3600.0
AUTHORS = [f"plantedwriter{number}" for number in range(7)]


class RedditSource(Source):
    """A source called talk, and its Reddit."""

    def __init__(self, kafka: str, prefix: str, folder: Path, site: RedditSite) -> None:
        keys = {
            "type": "reddit", "oauth_url": site.url, "reddit_url": site.url, "subreddits": ["meds"], "user_agent": AGENT,
            "client_id": secret(folder, "id", CLIENT_ID), "client_secret": secret(folder, "key", site.secret),
            "interval_seconds": 0.05, "rewind_seconds": 5, "aggregates_only": False,
        }  # fmt: skip
        super().__init__(kafka, prefix, folder, "talk", keys, site.readings)
        self.site = site

    def began(self) -> None:
        """Start it, and wait until what is written from now on is read."""
        self.start()
        self.wait_for(lambda: self.listed()["position"] and len(self.site.asked) > 5, "the first position")

    def write(self, count: int) -> set[str]:
        """Posts and comments of which every third names a medicine: gives the ids of those."""
        found: set[str] = set()
        for number in range(count):
            what, author = "zoloft" if number % 3 == 0 else "tea", AUTHORS[number % len(AUTHORS)]
            text = f"{what} {number}, u/{AUTHORS[0]} and @planted.jane, planted.jane@example.com"
            name = (
                self.site.comment("meds", text, author)
                if number % 2
                else self.site.post("meds", "so dizzy", text, author)
            )
            if what == "zoloft":
                found.add(ours(name))
        return found

    def stopped_at(self, at: float) -> None:
        """Write the position of a source that was stopped at a time."""
        moment = datetime.fromtimestamp(at, UTC)
        place = Place({f"r/meds/{kind}": at for kind in ("new", "comments")}, time.time(), at)
        position = Position(source="talk", cursor=place.encode(), reached=moment, written_at=moment, state="stopped")
        producer = KafkaProducer(bootstrap_servers=self.kafka)
        producer.send(POSITIONS.name(self.prefix), key=b"talk", value=encode(position)).get(30)
        producer.close()


@pytest.fixture
def reddit(kafka: str, topic_prefix: str, tmp_path: Path) -> Iterator[RedditSource]:
    with reddit_site("meds") as site:
        made = RedditSource(kafka, topic_prefix, tmp_path, site)
        with started(made):
            yield made


def ours(name: str) -> str:
    """The id that a thing has at adrwatch."""
    return f"talk:{post_hash(SECRET, 'talk', name)}"


def test_broken_answers_and_kills_lose_nothing_double_nothing_and_name_nobody(reddit: RedditSource) -> None:
    reddit.environment |= {"ADRWATCH_RETRY_FIRST": "0.001", "ADRWATCH_RETRY_MOST": "0.002"}
    reddit.configure(interval_seconds=0.001, identifiers="hmac")
    reddit.began()
    reddit.site.broken_every = 3
    expected: set[str] = set()
    for part in range(1, 4):
        expected |= reddit.write(90)
        reddit.wait_for(lambda n=part: reddit.site.faults >= n * 50, f"{part * 50} broken answers")
        if part < 3:
            reddit.kill()
            expected |= reddit.write(30)
            reddit.start()
    reddit.wait_for(lambda: reddit.posts().keys() >= expected, "all posts")
    assert reddit.stop() == 0
    assert reddit.posts().keys() == expected
    assert reddit.deletions() == set()
    assert reddit.dead_letters() == []
    assert len({one.author for one in reddit.posts().values()}) == len(AUTHORS)
    written = reddit.everything()
    for name in ["planted", reddit.site.secret, "tea ", *list(reddit.site.things)[:50]]:
        assert name.encode() not in written, name
    assert b"zoloft" not in reddit.log.read_bytes()


def test_an_absence_is_read_from_the_listings_and_what_they_dropped_is_said(reddit: RedditSource) -> None:
    now = time.time()
    names = [
        reddit.site.post("meds", f"zoloft {number}", created_utc=now - 12 * HOUR + number * 30)
        for number in range(1200)
    ]
    reddit.stopped_at(now - 12 * HOUR)
    reddit.start()
    reddit.wait_for(lambda: len(reddit.posts()) >= 1000, "what the listing still has")
    assert reddit.posts().keys() == {ours(one) for one in names[200:]}
    assert b"nothing left" in reddit.log.read_bytes()
    burst = {ours(reddit.site.comment("meds", f"zoloft, burst {number}")) for number in range(900)}
    reddit.wait_for(lambda: reddit.posts().keys() >= burst, "a burst of nine pages")
    assert reddit.log.read_bytes().count(b"nothing left") == 1
    assert reddit.listed()["lag_seconds"] < 60


def test_what_is_gone_at_reddit_is_taken_back_and_its_encrypted_id_with_it(reddit: RedditSource) -> None:
    reddit.configure(look_again_hours=0.0001)
    reddit.began()
    names = [reddit.site.post("meds", f"zoloft {number}") for number in range(6)]
    reddit.wait_for(lambda: len(reddit.posts()) == 6, "posts")
    reddit.kill()
    reddit.site.delete(names[0])
    reddit.site.remove(names[1])
    reddit.site.lose(names[2])
    reddit.site.edit(names[3], "and humira")
    reddit.start()
    gone, left = {ours(one) for one in names[:3]}, {ours(one) for one in names[3:]}
    reddit.wait_for(lambda: reddit.deletions() == gone, "deletions")
    reddit.wait_for(lambda: reddit.posts()[ours(names[3])].text == "zoloft 3\n\nand humira", "the edit")
    reddit.wait_for(lambda: reddit.posts().keys() == left, "posts that are left")
    notes = {record.key.decode(): record.value for record in reddit.records(PUBLISHED)}
    assert {key for key, value in notes.items() if value is not None} == left
    assert all(decode(value, Published).sealed for value in notes.values() if value is not None)
    written = reddit.everything()
    for name in names:
        assert name.encode() not in written, name


def test_a_revoked_key_is_a_state_that_check_names_too_and_a_new_one_is_taken_up(reddit: RedditSource) -> None:
    reddit.began()
    done = reddit.command("sources", "check", "talk")
    assert (done.returncode, "takes the app's key; r/meds can be read" in done.stdout) == (0, True), done.stderr
    old = reddit.site.secret
    reddit.site.revoke()
    reddit.wait_for(lambda: "refuses the app's key" in (reddit.listed()["error"] or ""), "reason in the list")
    assert reddit.listed()["state"] == "waiting"
    done = reddit.command("sources", "check", "talk")
    assert (done.returncode, "refuses the app's key (HTTP 401)" in done.stderr) == (2, True)
    missed = {ours(reddit.site.comment("meds", f"zoloft {number}")) for number in range(3)}
    secret(reddit.folder, "key", reddit.site.secret)
    reddit.wait_for(lambda: reddit.posts().keys() == missed, "what came meanwhile")
    reddit.wait_for(lambda: reddit.listed()["state"] == "running", "good news in the list")
    for one in (old, reddit.site.secret, CLIENT_ID):
        assert one.encode() not in reddit.log.read_bytes()


def test_subreddits_and_searches_that_are_wrong_are_named_by_check_without_a_traceback(reddit: RedditSource) -> None:
    reddit.site.closed["shut"] = "private"
    reddit.configure(subreddits=["meds", "shut", "no_such_thing"], search=True, drugs=["sertraline"])
    done = reddit.command("sources", "check", "talk")
    assert done.returncode == 2
    assert "r/shut is private; there is no r/no_such_thing" in done.stderr
    reddit.configure(search=True, drugs=["sertraline", "no such medicine"])
    assert "the lexicon does not have: no such medicine" in reddit.command("sources", "check", "talk").stderr
    reddit.configure(client_secret={"env": "NO_SUCH_VARIABLE"})
    done = reddit.command("sources", "check", "talk")
    assert "the variable NO_SUCH_VARIABLE is not set" in done.stderr
    assert "Traceback" not in done.stderr
