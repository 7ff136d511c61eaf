"""The list of alerts over a real topic, and what people do from it, as the audit trail has it."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from fastapi.testclient import TestClient

from services.cases.audit import read
from shared.events import Alert, Concept, Table
from tests.integration.cases.items import MOMENT, item
from tests.integration.dashboard.conftest import Publish

SIGNAL = Alert(
    id="signal-1", kind="disproportionality", drug=Concept("DB:1", "<i>amoxicillin"), reaction=Concept("HP:1", "Rash"),
    episode=MOMENT, evaluated_at=MOMENT, rules=("evans",), rule_version="1-5c0c6598", examples=("own:1",), window_hours=24,
    table=Table(4, 10, 5, 3000), authors=4,
)  # fmt: skip
HTMX = {"HX-Request": "true"}


def said(answer: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(answer.headers["HX-Trigger"])["adrwatch:said"]
    return found


def trail(client: TestClient) -> list[tuple[str, str, str]]:
    desk = client.app.state.desk  # type: ignore[attr-defined]
    with desk.database.reading() as connection:
        return [(row.action, row.subject, row.reason) for row in read(connection)]


def test_alerts_come_and_go_and_names_are_text(client: TestClient, publish: Publish) -> None:
    assert "No alerts yet" in client.get("/alerts").text
    publish(SIGNAL, item())
    page = client.get("/alerts").text
    assert "2 of 2 alerts" in page
    assert "&lt;i&gt;amoxicillin" in page
    assert "<i>amoxicillin" not in page
    part = client.get("/alerts?lane=urgent", headers=HTMX).text
    assert "<html" not in part
    assert "1 of 2 alerts" in part
    publish("signal-1")
    assert "1 of 1 alerts" in client.get("/alerts").text
    assert client.get("/alerts/signal-1/row", headers=HTMX).text == ""
    assert "No alert fits" in client.get("/alerts?q=nothing").text


def test_many_are_assigned_at_once_and_given_back(client: TestClient, publish: Publish) -> None:
    publish(SIGNAL, item())
    answer = client.post("/alerts/assign", data={"ids": ["signal-1", "item-1"]}, headers=HTMX)
    assert answer.status_code == 204
    assert said(answer)["text"] == "2 alerts assigned to development"
    assert client.get("/alerts?assignee=me", headers=HTMX).text.count('<tr id="a-') == 2
    again = client.post("/undo", data={"token": said(answer)["undo"]}, headers=HTMX)
    assert again.status_code == 204
    assert "No alert fits" in client.get("/alerts?assignee=me", headers=HTMX).text
    actions = [action for action, _, _ in trail(client)]
    assert actions == ["open", "assign", "open", "assign", "undo", "undo"]
    once_more = client.post("/undo", data={"token": said(answer)["undo"]}, headers=HTMX)
    assert once_more.status_code == 422
    assert "no%20longer" in once_more.headers["X-Problem"]


def test_what_another_has_changed_since_is_not_undone(client: TestClient, publish: Publish) -> None:
    publish(SIGNAL)
    first = client.post("/alerts/assign", data={"ids": ["signal-1"]}, headers=HTMX)
    client.post("/alerts/move", data={"ids": ["signal-1"], "state": "triaged", "reason": "plausible"}, headers=HTMX)
    refused = client.post("/undo", data={"token": said(first)["undo"]}, headers=HTMX)
    assert said(refused)["wrong"]
    assert "changed since" in said(refused)["text"]
    assert "development" in client.get("/alerts/signal-1/row", headers=HTMX).text


@pytest.mark.parametrize(
    ("address", "data", "named"),
    [
        ("/alerts/move", {"ids": ["signal-1"], "state": "confirmed", "reason": "x"}, "cannot become confirmed"),
        ("/alerts/move", {"ids": ["signal-1"], "state": "better", "reason": "x"}, "no state better"),
        ("/alerts/move", {"ids": ["signal-1"], "state": "triaged", "reason": " "}, "no reason"),
        ("/alerts/comment", {"ids": ["signal-1"], "text": " "}, "comment is empty"),
        ("/alerts/assign", {"ids": ["nothing"]}, "no alert nothing"),
        ("/alerts/assign", {}, "ids"),
    ],
    ids=["step", "state", "reason", "comment", "alert", "ids"],
)
def test_what_cannot_be_done_is_said_in_words(
    client: TestClient, publish: Publish, address: str, data: dict[str, Any], named: str
) -> None:
    publish(SIGNAL)
    refused = client.post(address, data=data)
    assert refused.status_code in (204, 422)
    words = refused.text if refused.status_code == 422 else said(refused)["text"]
    assert named.casefold() in words.casefold()
    assert client.get("/alerts/signal-1/row", headers=HTMX).text.count(">new<") == 1


def test_where_one_of_many_cannot_be_done_the_others_are_and_can_be_undone(
    client: TestClient, publish: Publish
) -> None:
    other = msgspec.structs.replace(SIGNAL, id="signal-2", drug=Concept("DB:2", "metformin"))
    publish(SIGNAL, other)
    client.post("/alerts/move", data={"ids": ["signal-2"], "state": "triaged", "reason": "x"}, headers=HTMX)
    answer = client.post(
        "/alerts/move", data={"ids": ["signal-1", "signal-2"], "state": "triaged", "reason": "x"}, headers=HTMX
    )
    assert said(answer)["wrong"]
    assert said(answer)["text"].startswith("1 alert now triaged; then: signal signal-2 is triaged")
    assert client.post("/undo", data={"token": said(answer)["undo"]}, headers=HTMX).status_code == 204
    assert ">new<" in client.get("/alerts/signal-1/row", headers=HTMX).text


def test_closing_tells_alerting_and_is_not_undone(client: TestClient, publish: Publish) -> None:
    publish(SIGNAL)
    answer = client.post(
        "/alerts/move", data={"ids": ["signal-1"], "state": "closed", "reason": "a known reaction"}, headers=HTMX
    )
    assert said(answer) == {"text": "1 alert now closed", "undo": None, "wrong": False}
    desk = client.app.state.desk  # type: ignore[attr-defined]
    from services.cases.reviews import Reviews

    assert Reviews(desk.database, desk.trail, "x").untold() == []


def test_without_its_topic_the_page_says_what_is_missing(client: TestClient) -> None:
    assert client.get("/nowhere").status_code == 404
    assert "There is no such page" in client.get("/nowhere").text
    wrong = client.get("/alerts?sort=beauty")
    assert wrong.status_code == 422
    assert "Sort cannot be" in wrong.text
