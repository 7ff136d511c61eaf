"""The page of one alert: what is shown, what is done there and refused, as the audit trail has it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import msgspec
import pytest
from fastapi.testclient import TestClient

from services.cases.audit import read
from services.cases.casebook import Casebook
from services.cases.reviews import Reviews
from services.cases.said import MOST
from services.dashboard.desk import Desk
from shared.errors import DependencyAway
from shared.events import Alert, Concept, Measure, Table, Terms
from tests.integration.cases.items import MOMENT, item
from tests.integration.dashboard.conftest import Publish

SIGNAL = Alert(
    id="signal-1", kind="disproportionality", drug=Concept("DB:1", "amoxicillin"), reaction=Concept("HP:1", "Rash"),
    episode=MOMENT, evaluated_at=MOMENT, rules=("evans",), rule_version="1-5c0c6598", examples=("own:1",), window_hours=24,
    table=Table(4, 10, 5, 3000), authors=4, measures={"prr": Measure(12.1, 5.0, 29.0), "ebgm": Measure(None)},
)  # fmt: skip
HTMX = {"HX-Request": "true"}


def trail(client: TestClient) -> list[tuple[str, str, str]]:
    desk = client.app.state.desk  # type: ignore[attr-defined]
    with desk.database.reading() as connection:
        return [(row.action, row.subject.partition(":")[0], row.reason) for row in read(connection)]


def case_of(client: TestClient) -> Any:
    desk = client.app.state.desk  # type: ignore[attr-defined]
    [case] = Casebook(desk.database, desk.trail, "x").all()
    return case


def seen(page: str) -> str:
    return page.split('name="seen" value="')[1].split('"')[0]


@pytest.fixture
def opened(client: TestClient, publish: Publish) -> TestClient:
    """A browser, and a case that was opened from item-1."""
    publish(item())
    assert client.post("/alerts/item-1/open", data={"reason": "a serious one"}, headers=HTMX).status_code == 200
    return client


def assess(client: TestClient, **data: str | list[str]) -> Any:
    given = {name.replace("__", "."): word for name, word in data.items()}
    return client.post("/alerts/item-1/assess", data={"reason": "call back", **given}, headers=HTMX)


def test_a_signal_is_shown_with_its_measures_in_words_and_the_look_is_recorded(
    client: TestClient, publish: Publish
) -> None:
    other = msgspec.structs.replace(SIGNAL, id="signal-2")
    publish(SIGNAL, other)
    page = client.get("/alerts/signal-1?sort=drug").text
    assert "12.1 times as large a share of the reports of amoxicillin" in page
    assert "its prior is learnt from all pairs" in page
    assert "PRR at least <b>2.0</b>" in page
    assert "3,019" in page
    assert 'href="/alerts/signal-2?sort=drug"' in page
    assert trail(client) == [("open", "signal", "first look"), ("read", "signal", "assessment")]
    assert client.get("/alerts/nothing").status_code == 404


def test_a_signal_goes_its_way_and_what_was_done_is_its_history(client: TestClient, publish: Publish) -> None:
    publish(SIGNAL)
    stamp = seen(client.get("/alerts/signal-1").text)
    moved = client.post(
        "/alerts/signal-1/move", data={"state": "triaged", "reason": "plausible", "seen": stamp}, headers=HTMX
    )
    assert json.loads(moved.headers["HX-Trigger"])["adrwatch:said"]["text"] == "It is now triaged"
    assert 'hx-swap-oob="true"' in moved.text
    client.post("/alerts/signal-1/assign", data={"me": "true", "seen": seen(moved.text)}, headers=HTMX)
    client.post("/alerts/signal-1/comment", data={"text": "ask <the> factory"}, headers=HTMX)
    history = client.get("/alerts/signal-1/history", headers=HTMX).text
    assert "ask &lt;the&gt; factory" in history
    assert [action for action, _, _ in trail(client)] == ["open", "read", "state", "assign", "comment", "read"]
    assert trail(client)[-1] == ("read", "signal", "comments")
    plain = client.post("/alerts/signal-1/move", data={"state": "closed", "reason": "known"}, follow_redirects=False)
    assert (plain.status_code, plain.headers["Location"]) == (303, "/alerts/signal-1")
    desk = client.app.state.desk  # type: ignore[attr-defined]
    assert Reviews(desk.database, desk.trail, "x").untold() == []


def test_what_another_changed_meanwhile_is_not_overwritten_and_is_named(opened: TestClient) -> None:
    old = seen(opened.get("/alerts/item-1").text)
    assert assess(opened, narrative="the first", seen=old).status_code == 200
    stale = assess(opened, narrative="the second", seen=old)
    assert stale.status_code == 422
    assert "changed%20since%20you%20looked" in stale.headers["X-Problem"]
    assert "assess%20%28call%20back%29" in stale.headers["X-Problem"]
    moved = opened.post("/alerts/item-1/move", data={"state": "triaged", "reason": "x", "seen": old}, headers=HTMX)
    assert moved.status_code == 422
    assert case_of(opened).narrative == "the first"


def test_a_case_is_assessed_form_by_form(opened: TestClient) -> None:
    assess(opened, criteria__reporter="met", criteria__patient="met", awareness="2026-03-01")
    assess(opened, seriousness__death="confirmed", seriousness__disability="rejected")
    assess(opened, situations=["", "pregnancy", "overdose"])
    assess(opened, who_umc="possible")
    saved = assess(opened, **{f"naranjo__{number}": "yes" if number < 4 else "unknown" for number in range(1, 11)})
    assert "Score 4: possible" in saved.text
    assess(opened, listedness="not listed")
    case = case_of(opened)
    assert case.valid == "met"
    assert case.serious is True
    [listed] = opened.get("/api/v1/alerts", params={"serious": "confirmed"}).json()["items"]
    assert listed["serious"] == {"word": "yes", "criteria": ["death"], "posts": None}
    assert case.situations == ("pregnancy", "overdose")
    assert (case.who_umc, case.listedness, case.naranjo[:4]) == (
        "possible",
        "not listed",
        ("yes", "yes", "yes", "unknown"),
    )
    assert "2026-03-16" in opened.get("/alerts/item-1").text
    assert [action for action, _, _ in trail(opened)].count("assess") == 6
    assess(opened, situations="")
    assert case_of(opened).situations == ()


@pytest.mark.parametrize(
    ("data", "field", "named"),
    [
        ({"awareness": "soon"}, "awareness", "is no day"),
        ({"who_umc": "sure"}, "who_umc", "no category sure"),
        ({"naranjo.1": "yes"}, "naranjo", "10 questions"),
        ({"criteria.patient": "perhaps"}, "criteria", "cannot be"),
        ({"seriousness.death": "perhaps"}, "seriousness", "cannot be"),
        ({"situations": "boredom"}, "situations", "no special situation boredom"),
        ({"narrative": "a\x00"}, "narrative", "U+0000"),
        ({"narrative": "x", "reason": " "}, "reason", "no reason"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_cannot_be_is_said_at_its_field_and_changes_nothing(
    opened: TestClient, data: dict[str, str], field: str, named: str
) -> None:
    from urllib.parse import unquote

    before = case_of(opened)
    refused = opened.post("/alerts/item-1/assess", data={"reason": "x", **data}, headers=HTMX)
    assert (refused.status_code, refused.headers["X-Field"]) == (422, field)
    assert named.casefold() in unquote(refused.headers["X-Problem"]).casefold()
    assert case_of(opened) == before


def test_cases_of_one_patient_are_linked_and_parted(opened: TestClient, publish: Publish) -> None:
    publish(item(2))
    opened.post("/alerts/item-2/open", data={"reason": "x"}, headers=HTMX)
    desk = opened.app.state.desk  # type: ignore[attr-defined]
    second = desk.dossiers.by_alert(desk.database, desk.trail)["item-2"].id
    linked = opened.post("/alerts/item-1/link", data={"other": second, "reason": "one patient"}, headers=HTMX)
    assert f'Linked with case <span class="id">{second}' in linked.text
    opened.post("/alerts/item-1/link", data={"other": second, "reason": "two", "linked": "false"}, headers=HTMX)
    assert [action for action, _, _ in trail(opened)][-4:] == ["link", "link", "unlink", "unlink"]
    refused = opened.post("/alerts/item-1/link", data={"other": "nothing", "reason": "x"}, headers=HTMX)
    assert refused.headers["X-Field"] == "other"


def test_a_case_leaves_as_a_message_only_when_it_may(opened: TestClient, publish: Publish) -> None:
    data = {"sender": "ACME", "receiver": "EVTEST", "reason": "sent on"}
    incomplete = opened.post("/alerts/item-1/case.xml", data=data)
    assert incomplete.status_code == 422
    assert "may not be submitted" in incomplete.text
    draft = opened.post("/alerts/item-1/case.xml", data=data | {"draft": "true"})
    assert draft.headers["Content-Disposition"].endswith('-draft.xml"')
    assert b"MCCI_IN200100UV01" in draft.content
    assert opened.post("/alerts/item-1/case.csv", data=data).text.startswith("id,opened_at")
    # What was refused did not leave.
    assert [row for row in trail(opened) if row[2] == "sent on"] == [("export", "case", "sent on")] * 2
    kept = msgspec.structs.replace(item(3), terms=Terms(case_export=False))
    publish(kept)
    opened.post("/alerts/item-3/open", data={"reason": "x"}, headers=HTMX)
    refused = opened.post("/alerts/item-3/case.json", data=data)
    assert refused.status_code == 422
    assert "do not allow case exports" in refused.text


def test_how_long_a_text_may_be_is_one_limit_on_pages_and_in_the_api(opened: TestClient) -> None:
    longest = "\U0001f48a" * MOST["narrative"]
    page = opened.get("/alerts/item-1").text
    assert f'data-most="{MOST["narrative"]}"' in page
    form = {name: (None, word) for name, word in {"reason": "x", "narrative": longest}.items()}
    assert opened.post("/alerts/item-1/assess", files=form, headers=HTMX).status_code == 200
    assert case_of(opened).narrative == longest
    long = opened.post("/alerts/item-1/assess", files=form | {"narrative": (None, "a" + longest)}, headers=HTMX)
    assert (long.status_code, long.headers["X-Field"]) == (422, "narrative")
    assert "100,000 characters at most" in unquote(long.headers["X-Problem"])
    assert f'data-most="{MOST["comment"]}"' in opened.get("/alerts/item-1/history", headers=HTMX).text
    comment = "a" * MOST["comment"]
    for extra, status in (("", 204), ("b", 422)):
        answer = opened.post("/api/v1/alerts/item-1/comments", json={"text": comment + extra})
        assert answer.status_code == status
        on_list = opened.post("/alerts/comment", data={"ids": ["item-1"], "text": comment + extra}, headers=HTMX)
        assert on_list.status_code == status
    assert "4,000 characters at most" in unquote(on_list.headers["X-Problem"])
    assert "4000 characters" in answer.json()["title"]


def test_a_signal_leaves_as_a_listing_without_posts(client: TestClient, publish: Publish) -> None:
    publish(SIGNAL)
    found = client.get("/alerts/signal-1/signal.json").json()
    assert (found["id"], found["table"]["a"]) == ("signal-1", 4)
    assert "own:1" not in client.get("/alerts/signal-1/signal.csv").text
    assert client.get("/alerts/signal-1/signal.xlsx").content[:2] == b"PK"


def test_an_alert_that_was_taken_back_keeps_what_people_said(client: TestClient, publish: Publish) -> None:
    publish(SIGNAL)
    client.post("/alerts/signal-1/comment", data={"text": "look at the batch"}, headers=HTMX)
    publish("signal-1")
    page = client.get("/alerts/signal-1").text
    assert "This alert was taken back" in page
    assert "look at the batch" in client.get("/alerts/signal-1/history", headers=HTMX).text
    moved = client.post("/alerts/signal-1/move", data={"state": "closed", "reason": "taken back"}, headers=HTMX)
    assert moved.status_code == 200


def test_without_the_database_what_was_counted_stands(
    client: TestClient, publish: Publish, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(SIGNAL)

    def away(_: Desk) -> None:
        raise DependencyAway("the database does not answer", fix="start it")

    monkeypatch.setattr(Desk, "database", property(away))
    page = client.get("/alerts/signal-1")
    assert page.status_code == 200
    assert "Cases and reviews cannot be read: the database does not answer" in page.text
    assert "12.1 times" in page.text
    assert "the history: the database does not answer" in client.get("/alerts/signal-1/history", headers=HTMX).text
    refused = client.post("/alerts/signal-1/move", data={"state": "triaged", "reason": "x"}, headers=HTMX)
    assert refused.status_code == 503


def test_beside_stands_what_a_reporting_system_says(
    client: TestClient, publish: Publish, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from typer.testing import CliRunner

    from services.cli import build

    publish(SIGNAL)
    assert "adrwatch background import" in client.get("/alerts/signal-1/beside", headers=HTMX).text
    table, store = tmp_path / "reports.csv", tmp_path / "background.duckdb"
    rows = [f"{number},amoxicillin,Rash" for number in range(20)] + [
        f"{number},ibuprofen,Nausea" for number in range(20, 200)
    ]
    table.write_text("\n".join(["report,drug,reaction", *rows, "300,ibuprofen,Rash", "301,amoxicillin,Nausea"]))
    order = ["background", "import", str(table), "--format", "table", "--source", "registry", "--store", str(store)]
    done = CliRunner().invoke(build(), order)
    assert done.exit_code == 0, done.output
    desk = client.app.state.desk  # type: ignore[attr-defined]
    monkeypatch.setattr(desk.background, "_settings", desk.settings.model_copy(update={"background_store": store}))
    beside = client.get("/alerts/signal-1/beside", headers=HTMX).text
    assert "reporting system" in beside
    assert "both together" in beside
    assert '<td class="n">20</td>' in beside
    assert '<td class="n">24</td>' in beside
