"""What is read of a network becomes messages: posts that name a medicine, deletions of those that were published."""

from __future__ import annotations

import dataclasses
import time
from datetime import UTC, datetime

import msgspec

from services.ingest.networks.batch import Batch
from services.ingest.networks.known import Known
from services.ingest.networks.network import Alias, AuthorGone, Passed, PostGone
from services.ingest.source import Origin, RawPost, Reject
from shared.events import DeadLetter, Post, Published, decode, encode
from shared.topics import DAY_MS, DEAD_LETTERS, POSTS, PUBLISHED, partition_of

TIME = datetime(2026, 3, 1, 8, tzinfo=UTC)


def raw(number: int, text: str = "zoloft", author: str = "anna") -> RawPost:
    return RawPost("s", str(number), text, TIME, Origin("s", 0), lambda: b"", author)


def accept(post: RawPost) -> Post:
    return Post(
        id=post.post_id,
        source=post.source,
        text=post.text,
        created_at=TIME,
        ingested_at=TIME,
        author=f"hash-{post.author}",
    )


def batch() -> Batch:
    return Batch(
        Known("s"), accept, lambda text: "zoloft" in text, lambda author: (f"hash-{author}", f"earlier-{author}")
    )


def test_a_deletion_by_another_name_finds_its_post_and_a_name_is_noted_once() -> None:
    one = batch()
    one.take(raw(1))
    assert [one.take(Alias("s:1", "s:x")), one.take(Alias("s:7", "s:y")), one.take(PostGone("s:y"))] == [
        "again",
        "again",
        "unknown deletion",
    ]
    outputs = {output.key: output for output in one.outputs() if output.topic is PUBLISHED}
    assert outputs.keys() == {"s:1", "s:x"}
    assert decode(outputs["s:x"].value, Published) == Published(id="s:1")
    one.known.add([Published(id="s:1")], 0)
    one.known.add_aliases(one.aliases)
    one.clear()
    one.take(Alias("s:1", "s:x"))
    assert len(one) == 0
    assert one.take(PostGone("s:x")) == "deletion"
    assert list(one.gone) == ["s:1"]


def test_the_other_names_of_a_post_that_is_deleted_before_it_is_written_are_not_noted() -> None:
    one = batch()
    for item in (raw(1), Alias("s:1", "s:x"), raw(2), Alias("s:2", "s:y"), PostGone("s:x"), Alias("s:1", "s:x")):
        one.take(item)
    assert one.aliases == {"s:y": "s:2"}
    assert [output.key for output in one.outputs() if output.topic is PUBLISHED] == ["s:2", "s:y"]


def test_the_other_names_of_a_post_that_names_no_medicine_any_more_are_not_noted() -> None:
    one = batch()
    one.known.add([Published(id="s:1")], 0)
    one.take(raw(1, "something else"))
    one.take(Alias("s:1", "s:x"))
    assert (list(one.gone), one.aliases) == (["s:1"], {})


def test_the_other_names_of_a_post_are_read_back_and_forgotten_with_it() -> None:
    known = Known("s")
    for key, post in (("s:1", "s:1"), ("s:x", "s:1"), ("s:y", "s:1"), ("s:z", "s:2")):
        known.apply(key, encode(Published(id=post)), 0)
    known.apply("s:y", None, 0)
    assert (known.named("s:x"), known.named("s:y"), known.named("s:1")) == ("s:1", "s:y", "s:1")
    assert "s:x" not in known
    assert known.aliases_of(["s:1", "s:2"]) == ["s:x", "s:z"]
    known.forget(["s:1"])
    assert known.aliases_of(["s:1", "s:2"]) == ["s:z"]


def test_posts_that_name_no_medicine_are_not_published() -> None:
    one = batch()
    assert [one.take(raw(1)), one.take(raw(2, "nothing")), one.take(Passed("identity"))] == [
        "post",
        "no_drug",
        "identity",
    ]
    outputs = one.outputs()
    assert [(output.topic, output.key) for output in outputs] == [(PUBLISHED, "s:1"), (POSTS, "s:1")]
    assert outputs[1].partition == partition_of("s:1", POSTS.partitions)
    assert decode(outputs[0].value, Published) == Published(id="s:1", author="hash-anna")


def test_a_post_that_comes_again_is_written_once_as_it_is_now() -> None:
    one = batch()
    one.take(raw(1, "zoloft, first"))
    one.take(raw(1, "zoloft, second"))
    assert [decode(o.value, Post).text for o in one.outputs() if o.topic is POSTS] == ["zoloft, second"]


def test_only_posts_that_were_published_are_taken_back() -> None:
    one = batch()
    one.known.add([Published(id="s:1", author="hash-anna")], 0)
    assert one.take(PostGone("s:1")) == "deletion"
    assert one.take(PostGone("s:2")) == "unknown deletion"
    assert list(one.gone) == ["s:1"]
    assert one.gone["s:1"].asked_by == "network"


def test_the_first_request_to_forget_a_post_counts() -> None:
    one = batch()
    one.known.add([Published(id="s:1")], 0)
    one.take(PostGone("s:1", "compliance"))
    first = one.gone["s:1"]
    one.take(PostGone("s:1"))
    assert one.gone["s:1"] is first
    assert first.asked_by == "compliance"


def test_a_post_that_waits_is_not_written_once_it_is_deleted() -> None:
    one = batch()
    one.take(raw(1))
    assert one.take(PostGone("s:1")) == "deletion"
    assert one.outputs() == []
    assert list(one.gone) == ["s:1"], "it may be with the broker from before a crash"


def test_an_update_that_names_no_medicine_any_more_takes_the_post_back() -> None:
    one = batch()
    one.known.add([Published(id="s:1")], 0)
    one.take(raw(1, "something else"))
    assert list(one.gone) == ["s:1"]
    assert one.gone_for_good == [], "its next version may name one"


def test_a_version_after_such_an_update_stays_and_a_deletion_after_it_is_one() -> None:
    one = batch()
    one.known.add([Published(id="s:1")], 0)
    for text in ("something else", "zoloft after all"):
        one.take(raw(1, text))
    assert (list(one.gone), [post.text for post in one.posts.values()]) == ([], ["zoloft after all"])
    one.clear()
    one.take(raw(2))
    for item in (raw(2, "something else"), PostGone("s:2"), raw(1, "something else"), PostGone("s:1", edited=True)):
        one.take(item)
    assert (list(one.gone), one.gone_for_good) == (["s:2", "s:1"], ["s:2"])


def test_the_end_of_an_account_takes_back_all_its_posts_and_no_other() -> None:
    one = batch()
    one.known.add(
        [Published(id="s:1", author="hash-anna"), Published(id="s:2", author="hash-bert"), Published(id="s:3")], 0
    )
    one.take(raw(4))
    one.take(raw(5, author="bert"))
    one.take(AuthorGone("anna"))
    assert sorted(one.gone) == ["s:1", "s:4"]
    assert list(one.posts) == ["s:5"]
    one.known.forget(["s:1"])
    assert one.known.of_author("hash-anna") == []


def test_a_refused_record_becomes_a_dead_letter_under_one_id() -> None:
    one = batch()
    reject = Reject("bad-frame", "no JSON", Origin("s", 0), b"{")
    assert one.take(reject) == "reject"
    one.take(reject)
    letters = one.outputs()
    assert {letter.topic for letter in letters} == {DEAD_LETTERS}
    assert len({letter.key for letter in letters}) == 1
    one.clear()
    assert not one


def test_what_a_refused_record_says_is_not_kept_where_only_aggregates_may_be() -> None:
    one = dataclasses.replace(batch(), withholds=True)
    for content in (b"{words", b"{other"):
        one.take(Reject("bad-frame", "no JSON", Origin("s", 0), content))
    letters = [decode(output.value, DeadLetter) for output in one.outputs()]
    assert [(letter.reason, letter.payload) for letter in letters] == [("bad-frame", b"")] * 2
    assert len({letter.id for letter in letters}) == 2


def test_texts_of_some_days_are_named_once_and_those_that_the_broker_has_forgotten_never() -> None:
    known = Known("s")
    now_ms = int(time.time() * 1000)
    known.add([Published(id="s:new")], now_ms)
    known.add([Published(id="s:old")], now_ms - 3 * DAY_MS)
    known.add([Published(id="s:ancient")], now_ms - 30 * DAY_MS)
    assert known.with_text_from_before(now_ms - 2 * DAY_MS) == ["s:old"]
    known.text_gone(["s:old"], now_ms - 2 * DAY_MS)
    assert known.with_text_from_before(now_ms - 2 * DAY_MS) == []
    assert "s:old" in known, "its deletion must still find it"


def test_what_an_edit_brings_while_the_older_is_forgotten_is_not_forgotten_with_it() -> None:
    known = Known("s")
    now_ms = int(time.time() * 1000)
    limit = now_ms - 2 * DAY_MS
    known.add([Published(id="s:1", sealed="older")], now_ms - 3 * DAY_MS)
    assert known.with_text_from_before(limit) == [one.id for one in known.sealed(limit)] == ["s:1"]
    edited = Published(id="s:1", sealed="younger")
    known.add([edited], now_ms)
    known.text_gone(["s:1"], limit)
    known.unsealed(["s:1"], limit)
    assert known.with_text_from_before(now_ms + 1) == ["s:1"], "its own time comes"
    assert known.sealed() == [edited]


def test_encrypted_ids_go_with_the_note_of_their_post_and_are_forgotten_on_their_own() -> None:
    one = batch()
    one.take(raw(1))
    one.take(msgspec.structs.replace(raw(2), sealed="sealed"))
    notes = [decode(o.value, Published) for o in one.outputs() if o.topic is PUBLISHED]
    assert notes == [Published(id="s:1", author="hash-anna"), Published(id="s:2", author="hash-anna", sealed="sealed")]
    now_ms = int(time.time() * 1000)
    one.known.add(one.published, now_ms)
    assert one.known.sealed() == notes[1:]
    assert one.known.sealed(now_ms) == []
    one.known.unsealed(["s:2"], now_ms + 1)
    assert one.known.sealed() == []
    assert "s:2" in one.known
    one.known.add([notes[1]], now_ms)
    one.known.forget(["s:2"])
    assert one.known.sealed() == [], "what is taken back leaves nothing"


def test_what_was_taken_back_by_hand_does_not_come_back_with_an_edit() -> None:
    one = dataclasses.replace(batch(), taken_back={raw(1).post_id})
    assert [one.take(raw(1)), one.take(raw(2))] == ["gone", "post"]
    assert list(one.posts) == [raw(2).post_id]
