"""The file of mentions by itself."""

from __future__ import annotations

import sqlite3
import threading
import weakref
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.dashboard.view import follow
from services.dashboard.view import state as states
from services.dashboard.view.file import FILE
from services.dashboard.view.mentions import Found, Mentions, Place, Read, Wanted, key_of
from services.dashboard.view.state import State
from services.dashboard.view.texts import Missing, Texts
from shared.errors import DependencyAway
from shared.events import Concept, Deletion, Mention, Span, encode
from shared.settings import Settings
from shared.topics import DELETION_HEADER, DELETIONS, POSTS

WHEN = datetime(2026, 3, 1, 23, 30, tzinfo=UTC)


def mention(name: str, post: str, minutes: int = 0, drug: str = "d1", reaction: str = "r1", **fields: Any) -> Mention:
    return Mention(
        id=name, post_id=post, created_at=WHEN + timedelta(minutes=minutes), drug=Concept(drug, f"Drug {drug}"),
        reaction=Concept(reaction, f"Reaction {reaction}"), drug_span=Span(0, 4), reaction_span=Span(5, 9), score=0.9,
        model_version="test", **fields,
    )  # fmt: skip


def read(*found: Mention, at: int = 0, **fields: Any) -> Read:
    return Read(mentions=[Found(0, at + i, one.id, at + i, one) for i, one in enumerate(found)], **fields)


def test_evidence_comes_newest_first_page_by_page_in_a_time_range(file: Mentions) -> None:
    # Several at the same moment.
    file.take(read(*(mention(f"m{i:02d}", f"own:{i}", i // 3) for i in range(20)), mention("x", "own:x", drug="d2")))
    wanted = Wanted("d1", "r1")
    whole = [one.id for one in file.evidence(wanted).mentions]
    assert whole == [f"m{i:02d}" for i in reversed(range(20))]
    found, before = [], None
    while True:
        page = file.evidence(wanted, before, size=7)
        found += [one.id for one in page.mentions]
        if (before := page.more) is None:
            break
    assert found == whole
    start = int((WHEN + timedelta(minutes=2)).timestamp() * 1000)
    within = file.evidence(Wanted("d1", None, start, start + 60_000)).mentions
    assert [one.id for one in within] == ["m08", "m07", "m06"]
    assert file.evidence(Wanted("never")).mentions == []


def test_counts_are_of_distinct_posts(file: Mentions) -> None:
    file.take(
        read(
            mention("1", "net:1", language="en"), mention("2", "net:1", reaction="r2", language="en"),
            mention("3", "other:2", 40, language="de"), mention("4", "net:3", drug="d2"),
        )
    )  # fmt: skip
    assert file.counts(Wanted(), "source") == {"net": 2, "other": 1}
    assert file.counts(Wanted(), "language") == {"": 1, "de": 1, "en": 1}
    assert file.counts(Wanted("d1"), "day") == {"2026-03-01": 1, "2026-03-02": 1}
    assert file.counts(Wanted(), "drug") == {"d1": 2, "d2": 1}
    assert file.counts(Wanted("d1"), "reaction") == {"r1": 2, "r2": 1}
    assert file.counts(Wanted(source="other"), "drug") == {"d1": 1}
    assert file.labels(["d1", "r2", "never"]) == {"d1": "Drug d1", "r2": "Reaction r2"}
    assert [one.id for one in file.of_post("net:1")] == ["1", "2"]


def test_what_the_topics_let_go_of_is_forgotten(file: Mentions) -> None:
    file.take(
        read(mention("1", "own:1"), mention("2", "own:2"), posts=[("own:1", 1, 5), ("own:2", 2, 6), ("own:3", 1, 7)])
    )
    file.let_go("mentions", 0, 1)
    assert file.get("1") is None
    assert file.get("2") is not None
    file.let_go("posts", 1, 7)
    file.let_go("posts", 2, 6)
    assert [file.place(post) for post in ("own:1", "own:2", "own:3")] == [None, Place(2, 6), Place(1, 7)]


def test_where_partitions_were_raised_a_post_is_where_it_lies_now_in_whatever_order_they_are_read(
    file: Mentions,
) -> None:
    before: list[tuple[str, int, int | None]] = [("own:1", 1, 5), ("own:1", 1, None)]
    after: list[tuple[str, int, int | None]] = [("own:1", 5, 0), ("own:1", 5, None), ("own:1", 5, 2)]
    for posts in (before + after, after + before):
        file.take(Read(posts=posts))
        assert file.place("own:1") == Place(5, 2)
    file.take(Read(posts=[("own:1", 1, None), ("own:1", 5, None)]))
    assert file.place("own:1") is None


def test_a_mention_that_is_written_again_stands_once_as_it_was_last_written(file: Mentions) -> None:
    file.take(read(mention("1", "own:1")))
    file.take(read(mention("1", "own:1", reaction="r2", serious=("death",)), at=9))
    [one] = file.evidence(Wanted()).mentions
    assert (one.reaction.id, one.serious) == ("r2", ("death",))
    assert file.total() == 1


def test_a_file_of_another_version_is_made_anew(tmp_path: Path) -> None:
    before = Mentions(tmp_path)
    before.begin("here")
    before.take(read(mention("1", "own:1"), positions=[("mentions", 0, 1)]))
    before.close()
    again = Mentions(tmp_path)
    assert (again.origin(), again.positions(), again.total()) == ("here", {("mentions", 0): 1}, 1)
    again.close()
    with sqlite3.connect(tmp_path / FILE) as connection:
        connection.execute("PRAGMA user_version = 999")
    connection.close()
    anew = Mentions(tmp_path)
    assert (anew.origin(), anew.positions(), anew.total()) == (None, {}, 0)
    assert {path.stat().st_mode & 0o777 for path in tmp_path.glob(f"{FILE}*")} == {0o600}
    anew.close()


def test_threads_that_come_and_go_leave_few_connections_open(file: Mentions, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[weakref.ref[Any]] = []

    class Counted(sqlite3.Connection):
        is_open = True

        def close(self) -> None:
            self.is_open = False
            super().close()

    def look() -> None:
        together.wait()
        file.total()

    def connect(*arguments: Any, **options: Any) -> sqlite3.Connection:
        made: sqlite3.Connection = sqlite3_connect(*arguments, factory=Counted, **options)
        opened.append(weakref.ref(made))
        return made

    def left() -> int:
        return sum(one.is_open for found in opened if (one := found()) is not None)

    sqlite3_connect = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", connect)
    together = threading.Barrier(20)
    for _ in range(3):
        threads = [threading.Thread(target=look) for _ in range(20)]
        for one in threads:
            one.start()
        for one in threads:
            one.join()
    assert file.total() == 0
    assert left() <= 8
    file.close()
    assert left() == 0


@given(st.text(min_size=1))
def test_a_posts_key_fits_the_column(post: str) -> None:
    assert 0 <= key_of(post) < 1 << 63


def test_health_tells_since_when_and_from_when_what_is_shown_is() -> None:
    state = State("mentions")
    state.worked(behind=7)
    assert (state.health().state, state.health().detail) == ("reading", "7 records to read")
    state.worked()
    up = state.health()
    assert up.state == "up"
    assert state.failed(DependencyAway("Kafka is away", fix="start it"))
    assert not state.failed(ValueError("a secret"))
    away = state.health()
    assert (away.state, away.as_of) == ("away", up.as_of)
    assert "secret" not in away.detail
    state.worked()
    assert state.health().state == "up"


@pytest.mark.parametrize("stalls", [True, False])
def test_no_text_is_shown_while_deletions_are_not_followed(
    file: Mentions, monkeypatch: pytest.MonkeyPatch, stalls: bool
) -> None:
    file.take(read(mention("m", "x:1"), posts=[("x:1", 0, 3)]))
    state = State("mentions")
    state.worked()
    if stalls:
        monkeypatch.setattr(states, "STALLED_SECONDS", -1.0)
    else:
        state.failed(DependencyAway("Kafka is away", fix="start it"))
    texts = Texts(Settings(), file, state)
    assert texts.of(["x:1"], patience=0.0)["x:1"].missing is Missing.DELETIONS_UNKNOWN
    assert state.health().state == "away"
    texts.close()


def test_a_later_version_of_an_edited_post_appears(file: Mentions) -> None:
    file.take(read(mention("m", "x:1"), posts=[("x:1", 0, 3)]))
    deletion = Deletion(id="x:1", deleted_at=WHEN, requested_at=WHEN, edited=True)
    edited = Read()
    value = encode(deletion)
    tombstone = SimpleNamespace(key=b"x:1", value=None, partition=0, offset=4, headers=[(DELETION_HEADER, value)])
    follow._take(DELETIONS.suffix, SimpleNamespace(key=b"x:1", value=value, timestamp=3), edited)
    follow._take(POSTS.suffix, tombstone, edited)
    file.take(edited)
    assert (file.of_post("x:1"), file.place("x:1"), file.taken_back("x:1")) == ([], None, False)
    file.take(read(mention("n", "x:1"), at=5, posts=[("x:1", 0, 5)]))
    assert [one.id for one in file.of_post("x:1")] == ["n"]
    assert file.place("x:1") is not None
