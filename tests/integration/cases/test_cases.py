"""Cases from opening to closing, on SQLite and on PostgreSQL, by the command line where people use it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from datetime import date

import msgspec
import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from kafka import KafkaProducer

from services.cases.database import Database
from services.cases.tables import METADATA
from shared import settings
from shared.cases.clocks import deadlines
from shared.cases.model import judged
from shared.errors import AdrwatchError, DependencyAway
from shared.events import Concept, encode
from shared.settings import load
from shared.topics import ALERTS
from tests import topics
from tests.integration.cases.items import item, opened


def shown(adrwatch, case_id: str) -> dict:
    done = adrwatch("cases", "show", case_id, "--json")
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)["case"]


def test_a_case_suggests_what_the_report_states_and_a_person_decides(adrwatch, book):
    case = opened(book)
    assert case.seriousness == {"death": "suggested", "medically_important": "suggested"}
    assert case.situations == ("overdose",)
    assert (case.valid, case.serious) == ("unknown", None)
    done = adrwatch(
        "cases", "assess", case.id, "--reason", "call back", "--criterion", "patient=met", "--criterion", "reporter=met",
        "--serious", "death=confirmed", "--serious", "medically_important=rejected", "--awareness", "2026-03-02", "--json",
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    found = shown(adrwatch, case.id)
    assert found["criteria"] == {"product": "met", "reaction": "met", "patient": "met", "reporter": "met"}
    assert found["seriousness"] == {"death": "confirmed", "medically_important": "rejected"}
    card = adrwatch("cases", "show", case.id).stdout
    assert "2026-03-17 eu" in card
    assert "2026-03-17 us" in card


def test_clocks_run_from_day_0_when_all_four_criteria_are_met(book):
    case = opened(book)
    known = judged(case, criteria={"patient": "met", "reporter": "met"})
    known = msgspec.structs.replace(known, awareness=date(2026, 3, 2))
    assert [(d.region, d.due.isoformat(), d.provisional) for d in deadlines(known)] == [
        ("eu", "2026-03-17", True), ("us", "2026-03-17", True),
    ]  # fmt: skip
    harmless = judged(known, seriousness={"death": "rejected", "medically_important": "rejected"})
    assert [(d.region, d.due.isoformat()) for d in deadlines(harmless)] == [("eu", "2026-05-31")]
    assert deadlines(judged(known, criteria={"patient": "not met"})) == []


def test_what_nobody_judged_is_not_assessed_and_the_earlier_day_stands(adrwatch, book):
    case = book.open(item(rules=("overdose",)), (), ("overdose",), "r")
    assert (case.serious, case.serious_word) == (None, "not assessed")
    known = ("--criterion", "patient=met", "--criterion", "reporter=met", "--awareness", "2026-03-02", "--reason", "r")
    assert adrwatch("cases", "assess", case.id, *known).exit_code == 0
    assert "2026-03-17 eu (if serious)" in adrwatch("cases", "show", case.id).stdout
    assert adrwatch("cases", "assess", case.id, "--not-serious", "--reason", "r").exit_code == 0
    after = book.look(case.id, "r")[0]
    assert set(after.seriousness.values()) == {"rejected"}
    assert [(due.region, f"{due.due}", due.provisional) for due in deadlines(after)] == [("eu", "2026-05-31", False)]


def test_what_no_vocabulary_knows_is_not_known_to_be_a_product_or_a_reaction(book):
    nothing = Concept("unmapped", "unmapped")
    found = [
        book.open(msgspec.structs.replace(item(1), drug=nothing), (), (), "r"),
        book.open(msgspec.structs.replace(item(2), reaction=nothing), (), (), "r"),
    ]
    assert [case.criteria for case in found] == [
        {"product": "unknown", "reaction": "met"}, {"product": "met", "reaction": "unknown"},
    ]  # fmt: skip


def test_a_closed_case_is_not_assessed_any_more_but_may_be_commented_on(adrwatch, book):
    case = opened(book)
    adrwatch("cases", "state", case.id, "closed", "--reason", "no patient")
    done = adrwatch("cases", "assess", case.id, "--not-serious", "--reason", "r")
    assert "is closed and cannot be changed" in done.exception.message
    assert adrwatch("cases", "comment", case.id, "a late note").exit_code == 0
    assert book.look(case.id, "r")[0].seriousness == case.seriousness


def test_a_case_goes_its_way_and_a_closed_one_stays_closed(adrwatch, book):
    case = opened(book)
    for state in ("triaged", "under assessment", "confirmed", "closed"):
        assert adrwatch("cases", "state", case.id, state, "--reason", "as it should").exit_code == 0
    done = adrwatch("cases", "state", case.id, "triaged", "--reason", "again")
    assert isinstance(done.exception, AdrwatchError)
    assert "is closed and cannot become triaged" in done.exception.message
    assert [
        json.loads(line)["id"] for line in adrwatch("cases", "list", "--state", "closed", "--json").stdout.splitlines()
    ] == [case.id]
    assert adrwatch("cases", "list", "--state", "new").stdout.strip() == "no cases"


def test_causality_is_scored_by_the_published_points(adrwatch, book):
    case = opened(book)
    answers = "yes,yes,yes,yes,no,unknown,yes,yes,no,yes"
    assert (
        adrwatch("cases", "assess", case.id, "--reason", "r", "--naranjo", answers, "--who-umc", "probable").exit_code
        == 0
    )
    card = adrwatch("cases", "show", case.id).stdout
    assert "11 (definite)" in card
    assert "probable" in card
    forms = adrwatch("cases", "forms").stdout
    assert forms.count("?") == 10
    assert "unassessable" in forms


def test_comments_and_narrative_are_kept_and_lists_hold_no_narrative(adrwatch, book, tmp_path):
    case = opened(book)
    text = tmp_path / "narrative.txt"
    text.write_text("A patient took amoxicillin and went into shock.\n", encoding="utf-8")
    adrwatch("cases", "assess", case.id, "--reason", "r", "--narrative", text, "--assignee", "assessor two")
    adrwatch("cases", "comment", case.id, "asked the reporter for the dose")
    found = json.loads(adrwatch("cases", "show", case.id, "--json").stdout)
    assert found["case"]["narrative"] == "A patient took amoxicillin and went into shock."
    assert [comment["text"] for comment in found["comments"]] == ["asked the reporter for the dose"]
    assert "shock." not in adrwatch("cases", "list", "--json").stdout
    assert "assessor two" in adrwatch("cases", "list").stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("show", "nobody"), "there is no case nobody"),
        (("state", "CASE", "certain", "--reason", "r"), "there is no state certain"),
        (("assess", "CASE", "--reason", "r", "--criterion", "witness=met"), "there is no criterion witness"),
        (("assess", "CASE", "--reason", "r", "--criterion", "patient=maybe"), "patient cannot be 'maybe'"),
        (("assess", "CASE", "--reason", "r", "--serious", "death"), "'death' says nothing"),
        (("assess", "CASE", "--reason", "r", "--serious", "death=suggested"), "death cannot be 'suggested'"),
        (("assess", "CASE", "--reason", "r", "--naranjo", "yes,no"), "has 10 questions"),
        (("assess", "CASE", "--reason", "r", "--who-umc", "sure"), "no category sure"),
        (("assess", "CASE", "--reason", "r", "--awareness", "soon"), "is no day"),
        (("assess", "CASE", "--reason", "r", "--narrative", "absent.txt"), "cannot be read"),
        (("list", "--state", "lost"), "there is no state lost"),
        (("state", "CASE", "triaged", "--reason", "a\x07bell"), "U+0007 in line 1"),
        (("comment", "CASE", "a\udc80byte"), "U+DC80"),
        (("assess", "CASE", "--reason", "r", "--source", "forum"), "comes from own"),
    ],
)
def test_what_cannot_be_is_refused_and_changes_nothing(adrwatch, book, arguments, message):
    case = opened(book)
    done = adrwatch("cases", *(case.id if argument == "CASE" else argument for argument in arguments))
    assert isinstance(done.exception, AdrwatchError)
    assert message in done.exception.message
    assert done.exception.fix
    assert book.look(case.id, "check")[0] == case


def test_an_item_of_the_queue_becomes_one_case_however_often_it_is_opened(
    adrwatch, kafka, topic_prefix, monkeypatch, place
):
    topics.make_all(kafka, topic_prefix)
    producer = KafkaProducer(bootstrap_servers=kafka, acks="all")
    for number in (1, 2):
        found = item(number)
        producer.send(ALERTS.name(topic_prefix), encode(found), found.id.encode())
    producer.send(ALERTS.name(topic_prefix), None, b"item-2")
    producer.flush()
    producer.close()
    monkeypatch.setenv("ADRWATCH_KAFKA_BOOTSTRAP", kafka)
    monkeypatch.setenv("ADRWATCH_TOPIC_PREFIX", topic_prefix)
    settings.current.cache_clear()
    first, second = (json.loads(adrwatch("cases", "open", "item-1", "--json").stdout) for _ in range(2))
    assert first == second
    assert (first["post"], first["alert"], first["opened_by"]) == ("own:1", "item-1", "assessor one")
    assert first["seriousness"] == {"death": "suggested", "medically_important": "suggested"}
    gone = adrwatch("cases", "open", "item-2")
    assert "no item item-2, or it was taken back" in gone.exception.message
    assert len(adrwatch("cases", "list", "--json").stdout.splitlines()) == 1


def test_a_kill_in_the_middle_of_a_change_leaves_neither_change_nor_row(place, book, adrwatch):
    case = opened(book)
    program = """
import os, signal, sys
from services.cases import casebook
from services.cases.audit import Trail
from services.cases.database import Database
from shared.settings import current
def die(*_): os.kill(os.getpid(), signal.SIGKILL)
casebook.CASES.update = die
casebook.Casebook(Database.opened(current()), Trail.of(current()), "x").move(sys.argv[1], "triaged", "r")
"""
    done = subprocess.run([sys.executable, "-c", program, case.id], check=False, timeout=60)
    assert done.returncode == -signal.SIGKILL
    assert shown(adrwatch, case.id)["id"] == case.id
    assert "state" not in shown(adrwatch, case.id)
    assert adrwatch("audit", "verify").exit_code == 0


def test_a_database_of_another_version_is_refused_until_it_is_upgraded(place, database, sql, adrwatch):
    sql("UPDATE alembic_version SET version_num = '0000'")
    done = adrwatch("cases", "list")
    assert "is of version 0000" in done.exception.message
    sql("UPDATE alembic_version SET version_num = '0008'")
    assert "is up to date" in adrwatch("cases", "upgrade").stdout
    assert adrwatch("cases", "list").exit_code == 0


def test_cases_of_an_earlier_version_get_the_source_of_their_post(place, database, book, sql, adrwatch):
    case, gone = opened(book, 1), opened(book, 2)
    book.forget(["own:2"])
    sql("""UPDATE cases SET document = replace(document, '"source":"own",', '')""")
    sql("DROP TABLE deleted_posts")
    for table in ("traces", "reviews", "people", "sessions", "tokens", "labels", "saved_views"):
        sql(f"DROP TABLE {table}")
    for index in ("ix_comments_dossier_id", "audit_by_actor", "audit_by_action", "audit_by_subject", "audit_by_at"):
        sql(f"DROP INDEX {index}")
    sql("ALTER TABLE comments RENAME COLUMN dossier_id TO case_id")
    sql("CREATE INDEX ix_comments_case_id ON comments (case_id)")
    sql("UPDATE alembic_version SET version_num = '0001'")
    assert "is of version 0001" in adrwatch("cases", "list").exception.message
    assert adrwatch("cases", "upgrade").exit_code == 0
    assert {one.id: one.source for one in book.all()} == {case.id: "own", gone.id: ""}
    assert book.look(case.id, "r")[0] == case


def test_an_empty_database_is_set_up_once_however_many_commands_come_at_once(place):
    program = """
import sys
from services.cases.database import Database
from shared.settings import current
sys.stdin.read()
Database.opened(current()).close()
"""
    started = [
        subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(6)
    ]
    for process in started:
        process.stdin.close()
    assert [process.stderr.read().decode() for process in started] == [""] * 6
    assert [process.wait(timeout=60) for process in started] == [0] * 6


def test_a_kill_in_the_middle_of_the_first_set_up_leaves_an_empty_database(place, adrwatch):
    program = """
import os, signal
from alembic import op
from services.cases.database import Database
from shared.settings import current
make, made = op.create_table, []
def create(name, *parts, **options):
    if name == "audit":
        os.kill(os.getpid(), signal.SIGKILL)
    return make(name, *parts, **options)
op.create_table = create
Database.opened(current())
"""
    done = subprocess.run([sys.executable, "-c", program], check=False, timeout=60)
    assert done.returncode == -signal.SIGKILL
    assert adrwatch("cases", "list").stdout.strip() == "no cases"


def test_tables_of_somebody_else_are_an_error(place, sql, adrwatch):
    sql("CREATE TABLE comments (something INTEGER)")
    done = adrwatch("cases", "list")
    assert isinstance(done.exception, AdrwatchError)
    assert "already exists" in done.exception.message
    assert "an empty one" in done.exception.fix


def test_tables_that_are_gone_are_an_error(place, database, sql, adrwatch):
    sql("DROP TABLE cases")
    done = adrwatch("cases", "list")
    assert isinstance(done.exception, AdrwatchError)
    assert not isinstance(done.exception, DependencyAway)
    assert "cannot be used" in done.exception.message


def test_a_user_without_a_name_is_told_to_give_one(place, adrwatch, monkeypatch):
    monkeypatch.delenv("ADRWATCH_ACTOR")
    settings.current.cache_clear()
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)

    def nobody(_uid: int) -> None:
        raise KeyError("getpwuid(): uid not found")

    monkeypatch.setattr("pwd.getpwuid", nobody)
    done = adrwatch("cases", "list")
    assert "set ADRWATCH_ACTOR" in done.exception.fix


def test_the_tables_are_those_that_the_migrations_make(place, database):
    with database.reading() as connection:
        assert compare_metadata(MigrationContext.configure(connection), METADATA) == []


def test_a_database_that_does_not_answer_is_named_without_its_password(tmp_path):
    away = load(data_dir=tmp_path, database_url="postgresql://user:secret@127.0.0.1:9/cases")
    with pytest.raises(DependencyAway) as caught:
        Database.opened(away)
    assert "127.0.0.1:9" in caught.value.message
    assert "secret" not in caught.value.message


def test_a_file_that_is_no_database_is_named(tmp_path):
    (tmp_path / "cases.sqlite3").write_text("this is no database, but it is long enough to be one " * 20)
    with pytest.raises(AdrwatchError, match="not a database") as caught:
        Database.opened(load(data_dir=tmp_path))
    assert not isinstance(caught.value, DependencyAway)
