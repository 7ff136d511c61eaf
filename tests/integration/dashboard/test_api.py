"""The API, as machines use it: pages, tags, problems, decisions, events; and everything that its own description allows."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import msgspec
from fastapi.testclient import TestClient

from shared.events import Concept, Measure
from shared.settings import Settings
from tests.integration.cases.items import item
from tests.integration.dashboard.conftest import Publish, dashboard_of
from tests.integration.dashboard.test_alerts_page import SIGNAL, trail

ALERTS = "/api/v1/alerts"


def test_pages_hold_every_alert_once_while_others_come_and_go(client: TestClient, publish: Publish) -> None:
    publish(*(msgspec.structs.replace(SIGNAL, id=f"signal-{number}") for number in range(7)))
    first = client.get(ALERTS, params={"limit": 3}).json()
    publish("signal-2", msgspec.structs.replace(SIGNAL, id="late"))
    seen, cursor = first["items"], first["next"]
    while cursor:
        page = client.get(ALERTS, params={"limit": 3, "cursor": cursor}).json()
        seen, cursor = seen + page["items"], page["next"]
    names = [one["id"] for one in seen]
    assert len(names) == len(set(names))
    assert {f"signal-{number}" for number in range(7)} - {"signal-2"} <= set(names)


def test_filters_are_those_of_the_list(client: TestClient, publish: Publish) -> None:
    publish(SIGNAL, item())
    assert [one["id"] for one in client.get(ALERTS, params={"lane": "urgent"}).json()["items"]] == ["item-1"]
    assert [one["id"] for one in client.get(ALERTS, params={"reaction": "RASH"}).json()["items"]] == ["signal-1"]
    assert client.get(ALERTS, params={"since": "2026-03-02"}).json() == {"items": [], "next": None}


def test_what_has_not_changed_has_no_body(client: TestClient, publish: Publish) -> None:
    publish(msgspec.structs.replace(SIGNAL, measures={"prr": Measure(2.5, 1.0, 4.0)}))
    first = client.get(f"{ALERTS}/signal-1")
    assert first.json()["measures"]["prr"] == {"value": 2.5, "lower": 1.0, "upper": 4.0}
    again = client.get(f"{ALERTS}/signal-1", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    publish(SIGNAL)
    assert client.get(f"{ALERTS}/signal-1", headers={"If-None-Match": first.headers["ETag"]}).status_code == 200


def test_decisions_stand_in_the_trail(client: TestClient, publish: Publish) -> None:
    publish(SIGNAL)
    decided = client.patch(
        f"{ALERTS}/signal-1", json={"state": "triaged", "assignee": "desk two", "reason": "plausible"}
    )
    assert (decided.json()["state"], decided.json()["assignee"]) == ("triaged", "desk two")
    assert client.post(f"{ALERTS}/signal-1/comments", json={"text": "asked for the batch"}).status_code == 204
    assert [action for action, _, _ in trail(client)] == ["open", "assign", "state", "comment"]
    refused = client.patch(f"{ALERTS}/signal-1", json={"state": "confirmed", "reason": "x"})
    assert refused.status_code == 409
    assert refused.headers["Content-Type"] == "application/problem+json"
    assert "cannot become confirmed" in refused.json()["title"]


def test_a_look_at_a_case_is_noted_and_lists_hold_no_narrative(client: TestClient, publish: Publish) -> None:
    publish(item())
    client.patch(f"{ALERTS}/item-1", json={"assignee": "desk two", "reason": "grave"})
    [listed] = client.get("/api/v1/cases").json()["items"]
    assert listed["narrative"] == ""
    assert client.get(f"/api/v1/cases/{listed['id']}").json()["alert"] == "item-1"
    assert trail(client)[-1][0] == "read"
    assert client.get("/api/v1/cases/none").status_code == 404


def test_a_client_that_listens_hears_of_each_alert(client: TestClient, publish: Publish) -> None:
    heard: list[str] = []
    live = client.app.state.desk.view.alerts  # type: ignore[attr-defined]
    come = threading.Event()

    def listen(change: Any) -> None:
        heard.append(change.id)
        come.set()

    with live.listening(listen):
        publish(SIGNAL)
        assert come.wait(60)
    assert heard == ["signal-1"]


def test_all_that_the_description_allows_is_answered_as_it_says(
    client: TestClient, publish: Publish, place: Settings, tmp_path: Path
) -> None:
    publish(SIGNAL, msgspec.structs.replace(SIGNAL, id="signal-2", drug=Concept("DB:2", "metformin")), item())
    with dashboard_of(place, tmp_path) as address:
        # A stream of events has no end that could be waited for. Control characters in texts, and cursors of other lists, are
        # refused; starlette names the methods of the first route of a path only.
        run = subprocess.run(
            [
                sys.executable, "-m", "schemathesis.cli", "run", f"{address}/api/v1/openapi.json", "--checks", "all",
                "--exclude-checks",
                "ignored_auth,allow_header_conformance,missing_required_header,positive_data_acceptance,negative_data_rejection",
                "--exclude-path", "/alerts/events", "--max-examples", "15", "--seed", "1",
                "--phases", "examples,coverage,fuzzing", "--continue-on-failure", "--no-color", "--generation-database", "none",
            ],
            cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip
    assert run.returncode == 0, run.stdout + run.stderr
