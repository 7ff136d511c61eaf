"""The author secret is replaced while posts flow, on a real Kafka: nothing is doubled, and nothing stands that is to go."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from shared import keyring
from shared.events import Published, decode
from shared.text.identity import author_hash, post_hash
from shared.topics import PUBLISHED
from tests.networks.jetstream import POST, account, delete, post
from tests.networks.source import SECOND, SECRET, BlueskySource, Source, ours_of, source, start_us, started
from tests.networks.x import FakeX, fake_x, tweet

ANNA, BOB, CARL = "did:plc:anna2345", "did:plc:bob2345", "did:plc:carl2345"


def with_file(made: Source) -> Path:
    """The secret of the tests in the file of the source, where `adrwatch secrets` finds it."""
    del made.environment["ADRWATCH_AUTHOR_SECRET"]
    file = made.folder / keyring.FILE
    file.write_text(f"{SECRET}\n")
    file.chmod(0o600)
    return file


@pytest.fixture
def bluesky(kafka: str, topic_prefix: str, tmp_path: Path) -> Iterator[BlueskySource]:
    with source(kafka, topic_prefix, tmp_path) as made:
        yield made


@pytest.fixture
def x(kafka: str, topic_prefix: str, tmp_path: Path) -> Iterator[tuple[Source, FakeX]]:
    with fake_x() as server:
        keys: dict[str, Any] = {
            "type": "x", "base_url": server.url, "bearer_token": {"env": "X_TOKEN"}, "drugs": ["sertraline"],
            "search_delay_seconds": 0.2, "rewind_seconds": 60, "max_posts_per_month": 100_000, "compliance_hours": 0.001,
        }  # fmt: skip
        made = Source(kafka, topic_prefix, tmp_path, "x", keys, lambda: server.connections)
        made.environment["X_TOKEN"] = server.token
        with started(made):
            yield made, server


def rotate(made: Source, file: Path) -> str:
    """`adrwatch secrets rotate`; gives the new secret."""
    done = made.command("secrets", "rotate", "--json")
    assert done.returncode == 0, done.stderr
    assert [one["state"] for one in json.loads(done.stdout)] == ["current", "previous"]
    current, old = keyring.read(file).secrets
    assert old == SECRET
    assert current not in done.stdout + done.stderr
    return current


def test_bluesky_goes_on_with_a_new_secret_while_it_runs_and_what_the_old_one_has_named_is_found(
    bluesky: BlueskySource,
) -> None:
    file, begin = with_file(bluesky), start_us()
    bluesky.start()
    first = [
        post(who, f"3k{who[8:11]}{number}", f"day {number} of zoloft", begin + number)
        for who in (ANNA, BOB)
        for number in range(4)
    ]
    bluesky.server.add(*first)
    old = {ours_of(one["did"], one["commit"]["rkey"]) for one in first}
    bluesky.wait_for(lambda: bluesky.posts().keys() == old, "posts under the old secret")
    new = rotate(bluesky, file)
    fresh: list[str] = []

    def is_taken_up() -> bool:
        fresh.append(f"3n{len(fresh)}")
        bluesky.server.add(post(CARL, fresh[-1], "zoloft again", begin + SECOND + len(fresh)))
        return b"author secrets are in force" in bluesky.log.read_bytes()

    bluesky.wait_for(is_taken_up, "word of the new secret")
    fresh.append("3last")
    bluesky.server.add(post(CARL, "3last", "zoloft again", begin + 2 * SECOND))
    last = f"bluesky:{post_hash(new, 'bluesky', f'{CARL}/{POST}/3last')}"
    bluesky.wait_for(lambda: last in bluesky.posts(), "a post under the new secret")
    assert bluesky.posts()[last].author == author_hash(new, "bluesky", CARL)

    # Everything comes again, once to the process that has rotated and once to one that begins with both secrets.
    count = len(old) + len(fresh)
    for again in (bluesky.server.break_off, bluesky.kill):
        before = bluesky.server.connections
        again()
        if again == bluesky.kill:
            bluesky.start()
        bluesky.wait_for(lambda before=before: bluesky.server.connections > before, "connection")
        marker = f"3m{before}"
        bluesky.server.add(post(CARL, marker, "zoloft once more", begin + 2 * SECOND))
        named = f"bluesky:{post_hash(new, 'bluesky', f'{CARL}/{POST}/{marker}')}"
        bluesky.wait_for(lambda named=named: named in bluesky.posts(), "what follows the back-fill")
        count += 1
        assert len(bluesky.posts()) == count, "a post that came again has the name that it had"

    at = begin + 3 * SECOND
    bluesky.server.add(
        delete(ANNA, "3kann0", at),
        post(ANNA, "3kann1", "zoloft, as it is now", at + 1, operation="update"),
        account(BOB, at + 2, "deleted"),
    )
    gone = {ours_of(ANNA, "3kann0"), *(ours_of(BOB, f"3kbob{number}") for number in range(4))}
    bluesky.wait_for(lambda: bluesky.deletions() == gone, "deletions of what the old secret has named")
    edited = ours_of(ANNA, "3kann1")
    bluesky.wait_for(lambda: bluesky.posts()[edited].text == "zoloft, as it is now", "the edited post")
    done = bluesky.command("forget", "--native", f"bluesky:{ANNA}/{POST}/3kann2", "--json")
    assert done.returncode == 0, done.stderr
    assert ours_of(ANNA, "3kann2") in json.loads(done.stdout)["posts"]
    assert not bluesky.posts().keys() & (gone | {ours_of(ANNA, "3kann2")})
    assert len(bluesky.posts()) == count - len(gone) - 1
    written = bluesky.everything()
    assert not [secret for secret in (new, SECRET) if secret.encode() in written]


def test_x_is_asked_for_what_an_old_secret_has_sealed_and_search_doubles_nothing(x: tuple[Source, FakeX]) -> None:
    made, server = x
    file = with_file(made)
    made.start()
    tweets = [tweet(time.time(), f"day {number} of zoloft", number) for number in range(4)]
    server.add(*tweets)
    old = {f"x:{post_hash(SECRET, 'x', one['id'])}" for one in tweets}
    made.wait_for(lambda: made.posts().keys() == old, "posts under the old secret")
    assert made.stop() == 0
    new = rotate(made, file)
    server.remove(tweets[0]["id"])
    late = tweet(time.time(), "zoloft, later", 77)
    server.add(late)
    made.start()
    named = f"x:{post_hash(new, 'x', late['id'])}"
    left = {named, *old} - {f"x:{post_hash(SECRET, 'x', tweets[0]['id'])}"}
    made.wait_for(lambda: made.posts().keys() == left, "what was missed, and the end of what is gone")
    edit = tweet(time.time(), "zoloft, as it is now", 99)
    edit["edit_history_tweet_ids"] = [tweets[1]["id"], edit["id"]]
    server.add(edit)
    left = (left | {f"x:{post_hash(new, 'x', edit['id'])}"}) - {f"x:{post_hash(SECRET, 'x', tweets[1]['id'])}"}
    made.wait_for(lambda: made.posts().keys() == left, "the edit in place of what the old secret has named")
    notes = {record.key.decode(): record.value for record in made.records(PUBLISHED)}
    assert {key for key, value in notes.items() if value is not None} == left
    assert all(decode(notes[key], Published).sealed for key in left)
    assert b"an author secret that is not there" not in made.log.read_bytes()
