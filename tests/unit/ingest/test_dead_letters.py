from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from kafka.errors import KafkaTimeoutError, MessageSizeTooLargeError
from msgspec.structs import replace

from services.ingest.columns import Columns
from services.ingest.dead_letters import replay
from services.ingest.delete import check_ids
from services.ingest.delivery import Delivery
from services.ingest.export import export
from services.ingest.inbox import Held, Inbox, Wanted
from services.ingest.inbox import held as read
from services.ingest.publish import reject_message
from services.ingest.readers import open_reader
from services.ingest.recipe import RECIPE_HEADER, Recipe
from services.ingest.source import Reject
from shared.broker import Stored
from shared.errors import AdrwatchError
from shared.events import DeadLetter, encode
from shared.topics import ATTEMPT_HEADER, CUT_HEADER, DECLARED, POSTS, partition_of, spread_over
from tests.unit.ingest.samples import AT, FakeProducer, hashed, ids

TIME = "2026-03-01T08:00:00Z"


def letter(
    name: str, *, stage: str = "screen", topic: str = "test.posts", partition: int = 2, key: bytes | None = b"forum:7"
) -> DeadLetter:
    return DeadLetter(
        id=name, reason="schema", detail="", stage=stage, topic=topic, partition=partition, offset=5,
        occurred_at=AT, payload=b"original bytes", key=key,
    )  # fmt: skip


def stored(held: DeadLetter, *, headers: tuple[tuple[str, bytes], ...] = (), offset: int = 0) -> Stored:
    return Stored(0, offset, held.id.encode(), encode(held), headers)


def held(name: str, headers: tuple[tuple[str, bytes], ...] = (), **fields: object) -> Held:
    made = letter(name, **fields)  # type: ignore[arg-type]
    return Held(made, stored(made, headers=headers))


def inbox_of(records: list[Stored]) -> Inbox:
    inbox = Inbox()
    for record in records:
        inbox.take(record)
    return inbox


def test_a_tombstone_makes_a_dead_letter_done_and_a_later_one_of_its_id_opens_it_again() -> None:
    gone, again, garbage = letter("gone"), letter("again"), Stored(0, 9, b"x", b"not json", ())
    records = [
        stored(gone), Stored(0, 1, b"gone", None, ()),
        stored(again), Stored(0, 3, b"again", None, ()), stored(again), garbage,
    ]  # fmt: skip
    inbox = inbox_of(records)
    assert list(inbox.lines) == ["again"]
    assert inbox.unreadable == 1


def test_what_may_not_be_kept_is_neither_sent_back_nor_written_to_a_file(tmp_path: Path) -> None:
    nothing = replace(letter("a"), payload=b"")
    producer = FakeProducer()
    account = replay([Held(nothing, stored(nothing))], Delivery(producer), "test", "test.dead-letters")
    assert (account.skipped, account.complete, producer.records) == ({"not-kept": 1}, True, [])
    refused = replace(nothing, stage="ingest", topic="posts.jsonl")
    recipe = ((RECIPE_HEADER, Recipe(format="jsonl", source="forum", columns={"id": "id"}).encode()),)
    assert export([Held(refused, stored(refused, headers=recipe))], tmp_path) == ([], 1)


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (Wanted(stage="classify"), "b"),
        (Wanted(reason="other"), ""),
        (Wanted(("b", "c")), "b"),
        (Wanted(("a", "b"), stage="screen"), "a"),
        (Wanted(topic="posts"), "ab"),
        (Wanted(topic="test.mentions"), "d"),
        (Wanted(source="forum"), "ab"),
        (Wanted(since=AT), "abd"),
        (Wanted(since=AT + timedelta(seconds=1)), ""),
        (Wanted(until=AT), ""),
    ],
)
def test_letters_are_chosen_by_all_that_is_given(wanted: Wanted, found: str) -> None:
    letters = (letter("a"), letter("b", stage="classify"), letter("d", topic="test.mentions", key=b"a hash"))
    inbox = inbox_of([stored(one) for one in letters])
    assert [line.id for line in wanted.among(inbox.lines.values())] == list(found)


def test_replay_sends_the_original_bytes_back_and_then_marks_the_letter_done() -> None:
    producer = FakeProducer()
    account = replay(
        [held("a", (("traceparent", b"00-x"), (ATTEMPT_HEADER, b"2")))], Delivery(producer), "test", "test.dead-letters"
    )
    original, tombstone = producer.records
    assert (original["topic"], original["partition"]) == ("test.posts", 2)
    assert (original["key"], original["value"]) == (b"forum:7", b"original bytes")
    assert original["headers"] == [("traceparent", b"00-x"), (ATTEMPT_HEADER, b"3")]
    assert (tombstone["topic"], tombstone["key"], tombstone["value"]) == ("test.dead-letters", b"a", None)
    assert account.complete
    assert (account.chosen, account.replayed, account.done) == (1, 1, 1)


@pytest.mark.parametrize("error", [KafkaTimeoutError(), MessageSizeTooLargeError()])
def test_a_letter_that_was_not_taken_back_is_not_marked_done(error: Exception) -> None:
    producer = FakeProducer(lambda number: error if number == 0 else None)
    account = replay([held("a"), held("b")], Delivery(producer), "test", "test.dead-letters")
    assert [record["key"] for record in producer.records if record["value"] is None] == [b"b"]
    assert (account.replayed, account.done, account.failed.total()) == (1, 1, 1)
    assert not account.complete


def test_lines_of_files_and_foreign_topics_are_skipped_and_stay() -> None:
    producer = FakeProducer()
    letters = [held("a", stage="ingest", topic="posts.csv", partition=-1), held("b", topic="other.posts")]
    account = replay(letters, Delivery(producer), "test", "test.dead-letters")
    assert producer.records == []
    assert account.skipped == {"export": 1, "unknown-topic": 1}
    assert account.complete


def test_a_letter_that_holds_a_part_of_its_message_is_not_replayed_and_stays() -> None:
    producer = FakeProducer()
    account = replay([held("a", ((CUT_HEADER, b"2000000"),))], Delivery(producer), "test", "test.dead-letters")
    assert producer.records == []
    assert account.skipped == {"cut": 1}
    assert account.complete


def test_a_partition_that_is_no_more_is_chosen_anew_by_the_key() -> None:
    producer = FakeProducer()
    replay([held("a", partition=64)], Delivery(producer), "test", "test.dead-letters")
    assert producer.records[0]["partition"] == partition_of("forum:7", POSTS.partitions)


def test_a_letter_of_before_partitions_were_raised_goes_where_what_came_later_of_its_post_lies() -> None:
    producer = FakeProducer()
    before = held("a", partition=partition_of("forum:7", DECLARED))
    spread_over(16)
    replay([before], Delivery(producer), "test", "test.dead-letters")
    assert producer.records[0]["partition"] == partition_of("forum:7", 16)


def rejects_of(folder: Path, name: str, content: str) -> list[Held]:
    """The dead letters that ingest makes of a file."""
    path = folder / name
    path.write_text(content)
    reader = open_reader(str(path), path.suffix[1:], Columns(), "forum", hashed)
    messages = [reject_message(item, "test") for item in reader if isinstance(item, Reject)]
    records = [Stored(0, at, message.key, message.value, tuple(message.headers)) for at, message in enumerate(messages)]
    return [read(record) for record in records]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("posts.csv", f'id,user_id,text,time\n1,5,fine,{TIME}\n9,5,"a ""quoted"" word",never\n8,5,b,never\n'),
        ("posts.tsv", f'id\tuser_id\ttext\ttime\n1\t5\tfine\t{TIME}\n9\t5\tsaid "x" twice\tnever\n8\t5\tb\tnever\n'),
        ("posts.jsonl", '{"id":9,"text":"a","time":"never"}\n{"id":8,"text":"b","time":"never","user_id":5}\n'),
    ],
)
def test_an_export_that_is_mended_is_read_again(tmp_path: Path, name: str, content: str) -> None:
    [exported], left_out = export(rejects_of(tmp_path, name, content), tmp_path / "out")
    assert left_out == 0
    assert exported.path.stat().st_mode & 0o777 == 0o600
    exported.path.write_text(exported.path.read_text().replace("never", TIME))
    flags = dict(zip(exported.flags[::2], exported.flags[1::2], strict=True))
    columns = Columns(**{flag[2:]: value for flag, value in flags.items() if flag not in ("--format", "--source-name")})
    again = list(open_reader(str(exported.path), flags["--format"], columns, flags["--source-name"], hashed))
    assert ids(again) == ["9", "8"]


def test_files_of_one_name_and_other_columns_are_exported_apart(tmp_path: Path) -> None:
    first = rejects_of(tmp_path, "posts.csv", "id,text,time\n9,a,never\n")
    second = rejects_of(tmp_path, "posts.csv", "nr,id,text,time\n0,8,a,never\n")
    files, left_out = export([*first, *second, held("c")], tmp_path / "out")
    assert sorted(file.path.name for file in files) == ["posts.rejects-2.csv", "posts.rejects.csv"]
    assert left_out == 1


def test_an_export_into_what_is_no_folder_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file")
    with pytest.raises(AdrwatchError, match=r"out/posts\.rejects\.csv cannot be written"):
        export(rejects_of(tmp_path, "posts.csv", "id,text,time\n9,a,never\n"), tmp_path / "out")


def test_an_export_never_writes_over_a_file_that_may_have_been_mended(tmp_path: Path) -> None:
    letters = rejects_of(tmp_path, "posts.csv", "id,text,time\n9,a,never\n")
    export(letters, tmp_path / "out")
    with pytest.raises(AdrwatchError, match="is there already"):
        export(letters, tmp_path / "out")


@pytest.mark.parametrize("wrong", ["7", ":7", "forum:", ""])
def test_an_id_without_its_source_is_refused(wrong: str) -> None:
    with pytest.raises(AdrwatchError, match="is not a post's id"):
        check_ids([wrong])


def test_an_id_that_is_named_twice_is_deleted_once() -> None:
    assert check_ids(["forum:7", "forum:7", "forum:a:b"]) == ["forum:7", "forum:a:b"]
