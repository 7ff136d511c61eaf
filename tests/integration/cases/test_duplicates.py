"""Cases that may be one: flagged by what the topics know of their posts, linked by a person, never deleted."""

from __future__ import annotations

import csv
import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from kafka import KafkaProducer

from services.cases.lookup import begins, hold_new_against_others
from shared import settings
from shared.broker import TopicReader
from shared.errors import AdrwatchError, DependencyAway
from shared.events import Alert, Concept, Event, Outcome, Post, Terms, encode
from shared.topics import ALERTS, OUTCOMES, POSTS, Topic, partition_of
from tests import topics
from tests.integration.cases.items import MOMENT, item
from tests.processes import work_until
from tests.unit.cases.near_pairs import APART, LIVER, RASH, SHOCK, SON

PATIENCE = 60.0
OTHER = Concept("HP:2", "Rash")
# Post: day, author, words, text.
WRITTEN = {
    1: (0, "a1", "f1", SHOCK),
    2: (1, "a2", "f1", SHOCK.upper()),
    3: (40, "a1", "f3", RASH),
    4: (90, "a4", "f4", SON),
    5: (91, "a5", "f5", SON + " Has anybody had this?"),
    6: (92, "a6", "f6", LIVER),
    7: (93, "a1", "f7", APART["two rashes"][1]),
}

Send = Callable[[Topic, str, Event, int | None], None]


@pytest.fixture
def send(kafka: str, topic_prefix: str, monkeypatch: pytest.MonkeyPatch, place: Any) -> Iterator[Send]:
    topics.make_all(kafka, topic_prefix)
    monkeypatch.setenv("ADRWATCH_KAFKA_BOOTSTRAP", kafka)
    monkeypatch.setenv("ADRWATCH_TOPIC_PREFIX", topic_prefix)
    settings.current.cache_clear()
    producer = KafkaProducer(bootstrap_servers=kafka, acks="all")

    def write(topic: Topic, key: str, event: Event, written_ms: int | None = None) -> None:
        partition = partition_of(key, topic.partitions)
        producer.send(
            topic.name(topic_prefix), encode(event), key.encode(), partition=partition, timestamp_ms=written_ms
        )
        producer.flush()

    yield write
    producer.close()


@pytest.fixture
def written(send: Send) -> None:
    """Seven posts, and an item of the queue for each."""
    for number, (day, author, words, text) in WRITTEN.items():
        name, at = f"own:{number}", MOMENT + timedelta(days=day)
        outcome = Outcome(
            post_id=name, status="mentions:1", created_at=at, model_version="test", author=author, fingerprint=words
        )
        send(OUTCOMES, name, outcome, None)
        send(POSTS, name, Post(id=name, source="own", text=text, created_at=at, ingested_at=at, author=author), None)
        send(ALERTS, f"item-{number}", dated(number, at), None)


def dated(number: int, at: Any) -> Alert:
    return msgspec.structs.replace(item(number), episode=at, evaluated_at=at)


def suspected(adrwatch, *options: str) -> dict[tuple[str, str], tuple[list[str], bool]]:
    done = adrwatch("cases", "duplicates", "--json", *options)
    assert done.exit_code == 0, done.exception
    found = [json.loads(line) for line in done.stdout.splitlines()]
    return {(one["first"], one["second"]): (one["reasons"], one["linked"]) for one in found}


def opened(adrwatch, number: int) -> dict[str, Any]:
    done = adrwatch("cases", "open", f"item-{number}", "--json")
    assert done.exit_code == 0, done.exception
    return json.loads(done.stdout)


def rows(adrwatch, case_id: str) -> list[dict[str, Any]]:
    return [
        json.loads(line) for line in adrwatch("audit", "export", "--subject", f"case:{case_id}").stdout.splitlines()
    ]


def test_a_case_is_flagged_when_it_is_opened_in_both_cases_and_in_the_trail(adrwatch, written, book, tmp_path):
    first, second = opened(adrwatch, 4), opened(adrwatch, 5)
    assert "flags" not in first
    [flag] = second["flags"]
    assert (flag["case"], flag["reasons"]) == (first["id"], ["similar words"])
    assert 0.7 < flag["similarity"] < 1
    said = f"similar words ({flag['similarity']:.2f})"
    assert f"{second['id']}: {said}" in adrwatch("cases", "show", first["id"]).stdout
    for case, other in ((first, second), (second, first)):
        [row] = [row for row in rows(adrwatch, case["id"]) if row["action"] == "flag"]
        assert (row["actor"], row["reason"]) == ("adrwatch", f"may be one with case {other['id']}: {said}")
        assert row["before"] != row["after"]
    for layout in ("csv", "json"):
        adrwatch("cases", "export", tmp_path / layout, "--format", layout)
    listing = {row["id"]: row for row in csv.DictReader((tmp_path / "csv").open(encoding="utf-8", newline=""))}
    assert listing[first["id"]]["flags"] == f"{second['id']}: {said}"
    assert '"similarity":0.' in (tmp_path / "json").read_text(encoding="utf-8")
    # Opening once more, and looking again over all, finds nothing new.
    before = len(rows(adrwatch, first["id"]))
    assert opened(adrwatch, 5)["flags"] == second["flags"]
    assert suspected(adrwatch)[first["id"], second["id"]][0][0] == "similar words"
    assert len(rows(adrwatch, first["id"])) == before
    assert adrwatch("audit", "verify").exit_code == 0


def test_nothing_of_a_post_is_looked_up_of_which_only_aggregates_may_be_kept(adrwatch, written, send, book, sql):
    terms = Terms(aggregates_only=True)
    for number in (8, 9):
        name = f"own:{number}"
        outcome = Outcome(
            terms=terms, post_id=name, status="mentions:1", created_at=MOMENT, model_version="test", fingerprint="f1"
        )
        post = Post(terms=terms, id=name, source="own", text=SHOCK, created_at=MOMENT, ingested_at=MOMENT)
        send(OUTCOMES, name, outcome, None)
        send(POSTS, name, post, None)
        send(ALERTS, f"item-{number}", msgspec.structs.replace(dated(number, MOMENT), terms=terms), None)
    for number in (1, 8, 9):
        assert "flags" not in opened(adrwatch, number)
    marks = sql("SELECT author, fingerprint, sketch IS NULL FROM traces WHERE looked = 1")
    assert (
        sorted((author, words, bool(empty)) for author, words, empty in marks if words is None)
        == [(None, None, True)] * 2
    )
    assert len(marks) == 3


def test_who_opens_a_case_is_told_what_it_may_be_one_with(adrwatch, written):
    first = opened(adrwatch, 1)
    done = adrwatch("cases", "open", "item-2")
    assert f"it may be one with case {first['id']}: the same words" in done.stderr
    assert "it may be one with" not in adrwatch("cases", "open", "item-6").stderr


def test_cases_that_may_be_one_are_flagged_with_the_reasons_and_linked_by_a_person(adrwatch, book, written, tmp_path):
    first, second, third, fourth = (
        book.open(dated(number, MOMENT + timedelta(days=WRITTEN[number][0])), (), (), "r") for number in (1, 2, 3, 4)
    )
    same_post = book.open(
        msgspec.structs.replace(item(5), reaction=OTHER, examples=("own:4",)), (), (), "another reaction of the post"
    )
    expected = {
        (first.id, second.id): (["the same words", "drug and reaction within 14 days"], False),
        (first.id, third.id): (["one author"], False),
        (fourth.id, same_post.id): (["one post", "one author", "the same words"], False),
    }
    assert suspected(adrwatch) == expected
    assert "drug and reaction within 60 days" in suspected(adrwatch, "--days", "60")[second.id, third.id][0]
    assert adrwatch("cases", "link", second.id, first.id, "--reason", "a repost").exit_code == 0
    assert suspected(adrwatch)[first.id, second.id][1] is True
    assert second.id in adrwatch("cases", "show", first.id).stdout
    assert "the same words" in adrwatch("cases", "duplicates").stdout
    out = tmp_path / "cases.csv"
    adrwatch("cases", "export", out, "--format", "csv")
    listing = {row["id"]: row["duplicates"] for row in csv.DictReader(out.open(encoding="utf-8", newline=""))}
    assert (listing[first.id], listing[second.id], listing[third.id]) == (second.id, first.id, "")
    assert adrwatch("cases", "unlink", first.id, second.id, "--reason", "two patients").exit_code == 0
    assert suspected(adrwatch) == expected
    # A deleted post is not held against others any more.
    book.forget(["own:1"])
    assert (first.id, third.id) not in suspected(adrwatch)


def test_of_a_deleted_post_nothing_is_left_by_which_cases_are_flagged_and_the_others_hang_together(
    adrwatch, book, written, sql
):
    """Three cases of one author: the one in the middle, by which the last was flagged, goes."""
    first, middle, last = (opened(adrwatch, number)["id"] for number in (1, 3, 7))
    flags = {case.id: [flag.case for flag in case.flags] for case in book.all()}
    assert flags == {first: [middle], middle: sorted((first, last)), last: [middle]}
    book.automatic().forget(["own:3"])
    flags = {case.id: [flag.case for flag in case.flags] for case in book.all()}
    assert flags == {first: [last], middle: [], last: [first]}
    assert {row.case_id for row in sql("SELECT case_id FROM traces")} == {first, last}
    [row] = [row for row in rows(adrwatch, last) if row["action"] == "unflag"]
    assert row["reason"] == f"deleted at its source: the post of case {middle}"
    assert adrwatch("audit", "verify").exit_code == 0


def test_a_post_that_is_deleted_while_it_is_looked_up_leaves_nothing(book, written, sql):
    case = book.open(item(1), (), (), "r")
    posts = book.waiting()
    book.forget(["own:1"])
    assert book.take_in(posts, {}) == {}
    assert sql("SELECT case_id FROM traces") == []
    assert book.waiting() == {}
    assert book.look(case.id, "r")[0].flags == ()


def test_a_case_that_could_not_be_held_against_others_waits_for_the_worker(
    adrwatch, book, written, monkeypatch, tmp_path
):
    first = opened(adrwatch, 1)

    def away(*_arguments: object, **_options: object) -> None:
        raise DependencyAway("no Kafka broker answers")

    with monkeypatch.context() as patched:
        patched.setattr("services.cases.lookup.marks", away)
        done = adrwatch("cases", "open", "item-2")
    assert done.exit_code == 0
    assert "not yet held against others: no Kafka broker answers" in done.stderr
    work_until("cases", tmp_path, lambda: book.look(first["id"], "r")[0].flags)
    [flag] = book.look(first["id"], "r")[0].flags
    assert flag.reasons == ("the same words",)
    assert book.waiting() == {}


def test_a_kill_in_the_middle_of_flagging_leaves_a_case_that_waits(adrwatch, written, book):
    first = opened(adrwatch, 1)
    second = book.open(dated(2, MOMENT), (), (), "r")
    program = """
import os, signal
from services.cases import book
from services.cases.audit import Trail
from services.cases.casebook import Casebook
from services.cases.database import Database
from services.cases.lookup import hold_new_against_others
from shared.settings import current
write, written = book.Book._write, []
def die_at_the_second(self, *given, **columns):
    write(self, *given, **columns)
    written.append(given)
    if len(written) == 2:
        os.kill(os.getpid(), signal.SIGKILL)
book.Book._write = die_at_the_second
hold_new_against_others(current(), Casebook(Database.opened(current()), Trail.of(current()), "adrwatch"))
"""
    done = subprocess.run([sys.executable, "-c", program], check=False, timeout=PATIENCE)
    assert done.returncode == -signal.SIGKILL
    assert list(book.waiting()) == ["own:2"]
    assert all(case.flags == () for case in book.all())
    assert suspected(adrwatch)[first["id"], second.id][0][0] == "the same words"
    assert [row["action"] for row in rows(adrwatch, second.id)] == ["open", "flag"]
    assert adrwatch("audit", "verify").exit_code == 0


def test_a_case_whose_post_the_topics_have_forgotten_is_looked_up_once(adrwatch, send, book):
    book.open(msgspec.structs.replace(item(1), examples=("own:77",)), (), (), "r")
    twin = book.open(msgspec.structs.replace(item(2), examples=("own:77",)), (), (), "r")
    assert suspected(adrwatch)
    assert book.waiting() == {}
    [flag] = book.look(twin.id, "r")[0].flags
    assert flag.reasons == ("one post",)


def test_what_is_known_of_posts_is_kept_as_long_as_outcomes_are(adrwatch, written, book, sql):
    opened(adrwatch, 1)
    kept = opened(adrwatch, 6)["id"]
    sql(f"UPDATE traces SET opened_at = '2020-01-01T00:00:00+00:00' WHERE case_id <> '{kept}'")
    # What the worker does again and again, also when no case is opened.
    assert hold_new_against_others(settings.current(), book) == {}
    assert [row.case_id for row in sql("SELECT case_id FROM traces")] == [kept]
    assert "flags" not in opened(adrwatch, 3)


def test_cases_of_an_earlier_version_are_held_against_each_other_after_the_upgrade(adrwatch, written, book, sql):
    first, second = (book.open(dated(number, MOMENT), (), (), "r") for number in (4, 5))
    for table in ("traces", "people", "sessions", "tokens", "labels", "saved_views"):
        sql(f"DROP TABLE {table}")
    for index in ("actor", "action", "subject", "at"):
        sql(f"DROP INDEX audit_by_{index}")
    sql("UPDATE alembic_version SET version_num = '0003'")
    assert adrwatch("cases", "upgrade").exit_code == 0
    assert suspected(adrwatch)[first.id, second.id][0][0] == "similar words"


def test_a_post_is_read_from_its_time_on(send):
    """Not from the beginning of a topic that may hold two hundred days."""
    at = MOMENT + timedelta(days=3)
    early, late = (round(moment.timestamp() * 1000) for moment in (MOMENT, at))
    place = partition_of("own:1", OUTCOMES.partitions)
    others = [f"own:{n}" for n in range(2, 60) if partition_of(f"own:{n}", OUTCOMES.partitions) == place]
    for name, moment in [
        *((name, early) for name in others[:5]),
        ("own:1", late),
        *((name, late) for name in others[5:7]),
    ]:
        outcome = Outcome(post_id=name, status="negative", created_at=at, model_version="test")
        send(OUTCOMES, name, outcome, moment)
    here = settings.current()
    with TopicReader(here, OUTCOMES, since=begins(here, OUTCOMES, {"own:1": at})) as reader:
        assert [stored.key for stored in reader.to_end()] == [b"own:1", *(name.encode() for name in others[5:7])]
    # Of a post whose time nobody knows, everything.
    with TopicReader(here, OUTCOMES, since=begins(here, OUTCOMES, {"own:1": None})) as reader:
        assert len(list(reader.to_end())) == 8
    with TopicReader(here, OUTCOMES, since=begins(here, OUTCOMES, {"own:1": at + timedelta(days=9)})) as reader:
        assert list(reader.to_end()) == []


def test_links_and_their_ends_are_in_the_trail_of_both_cases(adrwatch, book):
    first, second = (book.open(item(number), (), (), "r") for number in (1, 2))
    book.move(first.id, "closed", "done")
    for command, reason in (("link", "a repost"), ("link", "once more"), ("unlink", "two patients")):
        assert adrwatch("cases", command, first.id, second.id, "--reason", reason).exit_code == 0
    for case in (first, second):
        assert [(row["action"], row["reason"]) for row in rows(adrwatch, case.id)][-3:] == [
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
