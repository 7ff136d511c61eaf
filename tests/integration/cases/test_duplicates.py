"""Cases that may be one: flagged by what is known of their posts, linked by a person, never deleted."""

from __future__ import annotations

import csv
import json
from datetime import timedelta

import msgspec
import pytest
from kafka import KafkaProducer

from shared import settings
from shared.errors import AdrwatchError
from shared.events import Concept, Outcome, encode
from shared.topics import OUTCOMES
from tests import topics
from tests.integration.cases.items import MOMENT, item

OTHER = Concept("HP:2", "Rash")


def outcome(number: int, day: int, author: str, fingerprint: str) -> Outcome:
    return Outcome(
        post_id=f"own:{number}", status="mentions:1", created_at=MOMENT + timedelta(days=day), model_version="test",
        author=author, fingerprint=fingerprint,
    )  # fmt: skip


@pytest.fixture
def written(kafka, topic_prefix, monkeypatch, place):
    topics.make_all(kafka, topic_prefix)
    monkeypatch.setenv("ADRWATCH_KAFKA_BOOTSTRAP", kafka)
    monkeypatch.setenv("ADRWATCH_TOPIC_PREFIX", topic_prefix)
    settings.current.cache_clear()
    producer = KafkaProducer(bootstrap_servers=kafka, acks="all")
    found = [
        outcome(1, 0, "a1", "f1"), outcome(2, 1, "a2", "f1"), outcome(3, 40, "a1", "f3"), outcome(4, 90, "a4", "f4"),
    ]  # fmt: skip
    for one in found:
        producer.send(OUTCOMES.name(topic_prefix), encode(one), one.post_id.encode())
    producer.flush()
    producer.close()


def suspected(adrwatch, *options: str) -> dict[tuple[str, str], tuple[list[str], bool]]:
    done = adrwatch("cases", "duplicates", "--json", *options)
    assert done.exit_code == 0, done.exception
    found = [json.loads(line) for line in done.stdout.splitlines()]
    return {(one["first"], one["second"]): (one["reasons"], one["linked"]) for one in found}


def test_cases_that_may_be_one_are_flagged_with_the_reasons_and_linked_by_a_person(adrwatch, book, written, tmp_path):
    first, second, third, fourth = (book.open(item(number), (), (), "r") for number in (1, 2, 3, 4))
    same_post = book.open(
        msgspec.structs.replace(item(5), reaction=OTHER, examples=("own:4",)), (), (), "another reaction of the post"
    )
    expected = {
        (first.id, second.id): (["the same words", "drug and reaction within 14 days"], False),
        (first.id, third.id): (["one author"], False),
        tuple(sorted((fourth.id, same_post.id))): (["one post", "one author", "the same words"], False),
    }
    assert suspected(adrwatch) == expected
    assert "drug and reaction within 60 days" in suspected(adrwatch, "--days", "60")[second.id, third.id][0]
    assert adrwatch("cases", "link", second.id, first.id, "--reason", "a repost").exit_code == 0
    assert suspected(adrwatch)[first.id, second.id][1] is True
    assert second.id in adrwatch("cases", "show", first.id).stdout
    assert "the same words" in adrwatch("cases", "duplicates").stdout
    out = tmp_path / "cases.csv"
    adrwatch("cases", "export", out, "--format", "csv")
    rows = {row["id"]: row["duplicates"] for row in csv.DictReader(out.open(encoding="utf-8", newline=""))}
    assert (rows[first.id], rows[second.id], rows[third.id]) == (second.id, first.id, "")
    assert adrwatch("cases", "unlink", first.id, second.id, "--reason", "two patients").exit_code == 0
    assert suspected(adrwatch) == expected
    # A deleted post is not held against others any more.
    book.forget(["own:1"])
    assert (first.id, third.id) not in suspected(adrwatch)


def test_links_and_their_ends_are_in_the_trail_of_both_cases(adrwatch, book):
    first, second = (book.open(item(number), (), (), "r") for number in (1, 2))
    book.move(first.id, "closed", "done")
    for command, reason in (("link", "a repost"), ("link", "once more"), ("unlink", "two patients")):
        assert adrwatch("cases", command, first.id, second.id, "--reason", reason).exit_code == 0
    for case in (first, second):
        rows = adrwatch("audit", "export", "--subject", f"case:{case.id}").stdout.splitlines()
        assert [(row["action"], row["reason"]) for row in map(json.loads, rows)][-3:] == [
            ("link", "a repost"), ("read", "once more"), ("unlink", "two patients"),
        ]  # fmt: skip
    assert adrwatch("audit", "verify").exit_code == 0
    assert len(book.all()) == 2


def test_a_link_that_cannot_be_is_refused_and_changes_nothing(adrwatch, book):
    case = book.open(item(1), (), (), "r")
    for other, message in ((case.id, "cannot be linked to itself"), ("nobody", "there is no case nobody")):
        done = adrwatch("cases", "link", case.id, other, "--reason", "r")
        assert isinstance(done.exception, AdrwatchError)
        assert message in done.exception.message
    assert book.all() == [case]
