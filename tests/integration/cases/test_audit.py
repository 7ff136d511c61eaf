"""The audit trail on SQLite and on PostgreSQL: whatever is done to it behind adrwatch's back is named."""

from __future__ import annotations

import errno
import json
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import msgspec
import pytest

from services.cases import audit
from services.cases.anchors import Anchor, Anchors
from services.cases.audit import Trail
from services.cases.casebook import Casebook
from services.cases.database import Database
from shared.errors import AdrwatchError
from tests.integration.cases.items import item, opened


def dies(*_: object) -> None:
    raise KeyboardInterrupt


def flaws(adrwatch) -> dict[str, int]:
    done = adrwatch("audit", "verify", "--json")
    found = json.loads(done.stdout)
    assert done.exit_code == (1 if found["flaws"] else 0)
    # The first row of each kind: one that was altered may break those behind it.
    return {flaw["kind"]: flaw["seq"] for flaw in reversed(found["flaws"])}


@pytest.fixture
def trail(place) -> Trail:
    return Trail.of(place)


@pytest.fixture
def five(book: Casebook) -> str:
    """A case with five rows: opened, looked at, moved, commented on, moved."""
    case = opened(book)
    book.look(case.id, "assessment")
    book.move(case.id, "triaged", "a patient is identifiable")
    book.comment(case.id, "asked for the dose")
    book.move(case.id, "under assessment", "the dose is known")
    return case.id


def test_a_trail_that_nobody_touched_is_whole(adrwatch, five):
    assert flaws(adrwatch) == {}
    assert "5 rows" in adrwatch("audit", "verify").stdout


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE audit SET reason = 'another reason' WHERE seq = 3",
        "UPDATE audit SET actor = 'somebody else' WHERE seq = 3",
        "UPDATE audit SET at = '2020-01-01T00:00:00.000+00:00' WHERE seq = 3",
        "UPDATE audit SET after = before WHERE seq = 3",
    ],
)
def test_a_row_that_was_altered_is_named(adrwatch, five, sql, change):
    sql(change)
    assert flaws(adrwatch) == {"altered": 3}


def test_a_row_that_was_removed_is_named(adrwatch, five, sql):
    sql("DELETE FROM audit WHERE seq = 2")
    assert flaws(adrwatch) == {"removed": 2}


def test_rows_that_were_removed_and_numbered_anew_are_named(adrwatch, five, sql):
    sql("DELETE FROM audit WHERE seq = 2")
    for seq in (3, 4, 5):
        sql(f"UPDATE audit SET seq = {seq - 1} WHERE seq = {seq}")
    found = flaws(adrwatch)
    assert found["altered"] == 2
    assert found["cut off"] == 5


def test_a_tail_that_was_cut_off_is_named(adrwatch, five, sql):
    sql("DELETE FROM audit WHERE seq >= 4")
    assert flaws(adrwatch) == {"cut off": 4}


def test_an_emptied_trail_is_named(adrwatch, five, sql):
    sql("DELETE FROM audit")
    assert flaws(adrwatch) == {"cut off": 1}


def test_a_chain_that_was_written_anew_with_the_right_key_is_named(adrwatch, five, sql, trail, database):
    rows = sql("SELECT * FROM audit ORDER BY seq")
    sql("DELETE FROM audit")
    with database.writing() as connection:
        for row in rows:
            reason = "a better reason" if row.seq == 2 else row.reason
            trail.add(connection, row.actor, row.action, row.subject, reason, row.before, row.after)
    # Every code of the new chain is right by itself.
    assert flaws(adrwatch) == {"rewritten": 1}


def test_another_key_makes_every_row_look_altered(adrwatch, five, place):
    (place.data_dir / audit.SECRET_FILE).chmod(0o600)
    (place.data_dir / audit.SECRET_FILE).write_text("another secret of some length\n")
    assert "altered" in flaws(adrwatch)


def test_lost_anchors_are_named(adrwatch, five, place):
    (place.data_dir / audit.ANCHORS_FILE).unlink()
    assert flaws(adrwatch) == {"not anchored": 1}


def test_a_crash_after_the_commit_leaves_an_intention_that_stands_for_the_row(adrwatch, five, book, monkeypatch):
    monkeypatch.setattr(Anchors, "settle", dies)
    with pytest.raises(KeyboardInterrupt):
        book.comment(five, "written just before the crash")
    monkeypatch.undo()
    assert flaws(adrwatch) == {}
    book.comment(five, "after it")
    assert flaws(adrwatch) == {}


def test_a_crash_before_the_commit_leaves_an_intention_that_stands_for_nothing(adrwatch, five, book, monkeypatch):
    def intend(self, seq: int, mac: str) -> None:
        self._append(Anchor(seq, mac, settled=False))
        raise KeyboardInterrupt

    monkeypatch.setattr(Anchors, "intend", intend)
    with pytest.raises(KeyboardInterrupt):
        book.comment(five, "never committed")
    monkeypatch.undo()
    assert flaws(adrwatch) == {}
    book.comment(five, "another one under the same number")
    assert flaws(adrwatch) == {}
    assert [comment.text for comment in book.look(five, "r")[1]][-1] == "another one under the same number"


def test_a_crash_while_a_deletion_took_its_post_out_of_several_cases_is_no_flaw(adrwatch, book, monkeypatch):
    for number in (1, 2, 3):
        book.open(msgspec.structs.replace(item(number), examples=("own:1",)), (), (), "r")
    monkeypatch.setattr(Anchors, "settle", dies)
    with pytest.raises(KeyboardInterrupt):
        book.forget(["own:1"])
    monkeypatch.undo()
    assert [case.post for case in book.all()] == [None] * 3
    assert flaws(adrwatch) == {}


@pytest.mark.parametrize("why", ["no folder", "full disk"])
def test_where_the_anchor_cannot_be_written_nothing_is_done(database, book, tmp_path, adrwatch, why):
    case = opened(book)
    (tmp_path / "no-folder").write_text("a file")
    anchors = Path("/dev/full") if why == "full disk" else tmp_path / "no-folder" / "anchors"
    other = Casebook(database, Trail("k" * 32, anchors), "assessor one")
    with pytest.raises(AdrwatchError, match="nothing was done"):
        other.comment(case.id, "noted")
    assert book.look(case.id, "assessment")[1] == []
    assert flaws(adrwatch) == {}


def test_a_disk_that_is_full_after_the_commit_loses_nothing(five, book, adrwatch, monkeypatch, caplog):
    append = Anchors._append

    def full(self, anchor: Anchor) -> None:
        if anchor.settled:
            raise OSError(errno.ENOSPC, "No space left on device")
        append(self, anchor)

    monkeypatch.setattr(Anchors, "_append", full)
    book.comment(five, "noted")
    assert "waits for the next action" in caplog.text
    monkeypatch.undo()
    assert flaws(adrwatch) == {}


@pytest.mark.parametrize("torn", ["{", '{"seq":6,"mac":"0a', '{"seq": 6, "mac": "0a1b"'])
def test_an_anchor_that_a_crash_tore_is_left_out_and_the_next_one_is_whole(five, place, book, adrwatch, sql, torn):
    with (place.data_dir / audit.ANCHORS_FILE).open("a") as stream:
        stream.write(torn)
    assert flaws(adrwatch) == {}
    book.comment(five, "after it")
    assert flaws(adrwatch) == {}
    sql("DELETE FROM audit WHERE seq = 6")
    assert flaws(adrwatch) == {"cut off": 6}


def test_a_trail_is_whole_while_somebody_works(place, five, adrwatch):
    stop, deadline = threading.Event(), time.monotonic() + 60

    def write() -> None:
        with Database.used(place) as database:
            book = Casebook(database, Trail.of(place), "assessor two")
            while not stop.is_set():
                book.comment(five, "noted")

    writer = threading.Thread(target=write)
    writer.start()
    try:
        with Database.used(place) as database:
            found = [Trail.of(place).verify(database)]
            # On a busy machine the writer may long wait for its turn.
            while len(found) < 40 or (found[-1][0] == found[0][0] and time.monotonic() < deadline):
                found.append(Trail.of(place).verify(database))
    finally:
        stop.set()
        writer.join()
    assert [found_flaws for _, found_flaws in found if found_flaws] == []
    assert found[-1][0] > found[0][0]


def test_many_writers_at_once_make_one_chain(place, five, adrwatch):
    failed: list[BaseException] = []

    def write(number: int) -> None:
        database = Database.opened(place)
        try:
            book = Casebook(database, Trail.of(place), f"assessor {number}")
            for i in range(5):
                book.comment(five, f"{number}.{i}")
        except BaseException as error:  # noqa: BLE001 - shown below
            failed.append(error)
        finally:
            database.close()

    writers = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert failed == []
    done = json.loads(adrwatch("audit", "verify", "--json").stdout)
    assert done == {"rows": 25, "flaws": []}


def test_nothing_that_failed_is_in_the_trail(book, five, adrwatch):
    with pytest.raises(AdrwatchError):
        book.move(five, "closed", "too early")
    with pytest.raises(AdrwatchError):
        book.comment("nobody", "text")
    assert json.loads(adrwatch("audit", "verify", "--json").stdout)["rows"] == 5


def test_opening_again_and_an_assessment_that_changes_nothing_are_looks(adrwatch, book):
    case = opened(book)
    assert opened(book) == case
    assert adrwatch("cases", "assess", case.id, "--reason", "nothing new").exit_code == 0
    rows = [json.loads(line) for line in adrwatch("audit", "export").stdout.splitlines()]
    assert [(row["action"], row["reason"]) for row in rows] == [
        ("open", "opened from the queue"), ("read", "opened from the queue"), ("read", "nothing new"),
    ]  # fmt: skip


def test_the_export_tells_who_did_what_when_and_why_and_no_text(adrwatch, five):
    rows = [json.loads(line) for line in adrwatch("audit", "export").stdout.splitlines()]
    assert [row["action"] for row in rows] == ["open", "read", "state", "comment", "state"]
    assert {row["actor"] for row in rows} == {"assessor one"}
    assert rows[2]["reason"] == "a patient is identifiable"
    assert rows[2]["before"] != rows[2]["after"] == rows[4]["before"]
    assert "asked for the dose" not in json.dumps(rows)
    assert adrwatch("audit", "export", "--subject", "case:nobody").stdout == ""


def test_damaged_anchors_are_an_error_that_names_the_line(five, place, trail, database):
    with (place.data_dir / audit.ANCHORS_FILE).open("a") as stream:
        stream.write("no anchor\n")
    with pytest.raises(AdrwatchError, match="line 11: no anchor"):
        trail.verify(database)


def test_anchors_that_cannot_be_read_are_an_error(five, place, trail, database):
    (place.data_dir / audit.ANCHORS_FILE).unlink()
    (place.data_dir / audit.ANCHORS_FILE).mkdir()
    with pytest.raises(AdrwatchError, match="cannot be read: Is a directory"):
        trail.verify(database)


def test_a_code_that_is_none_is_a_flaw(adrwatch, five, sql):
    sql("UPDATE audit SET mac = 'ä' WHERE seq = 3")
    assert flaws(adrwatch)["altered"] == 3


def test_a_row_whose_number_is_none_is_a_flaw(adrwatch, five, sql, place):
    if place.database_url is None:
        # Only SQLite takes it.
        sql(
            "INSERT INTO audit SELECT 'first', at, actor, action, subject, reason, before, after, x'00' FROM audit WHERE seq = 1"
        )
        assert flaws(adrwatch) == {"altered": 0}


def test_the_secret_must_be_its_owners_alone(place, five):
    (place.data_dir / audit.SECRET_FILE).chmod(0o644)
    with pytest.raises(AdrwatchError, match="open to other users"):
        Trail.of(SimpleNamespace(audit_secret=None, data_dir=place.data_dir, audit_anchors=None))
