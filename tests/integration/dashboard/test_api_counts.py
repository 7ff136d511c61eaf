"""Counts as machines ask for them: the same that pages show, page by page."""

from __future__ import annotations

from typing import Any

import msgspec
from fastapi.testclient import TestClient

from shared.settings import Settings
from shared.signals.rules import shipped
from tests.integration.dashboard.conftest import Publish
from tests.integration.dashboard.test_alerts_page import SIGNAL
from tests.integration.dashboard.test_counts_pages import DAYS, END, reports
from tests.integration.dashboard.test_counts_pages import counted as counted
from tests.integration.dashboard.test_reports import alerting, wait_for
from tests.unit.alerting.world import HOUR, START, concept, outcome

API = "/api/v1"


def pages(client: TestClient, address: str) -> list[dict[str, Any]]:
    """All items behind an address, page by page."""
    found = client.get(address).json()
    items = found["items"]
    while found["next"]:
        found = client.get(f"{address}&cursor={found['next']}").json()
        items += found["items"]
    return items


def test_pairs_come_with_the_measures_of_pages_and_their_alert(
    client: TestClient, counted: Any, publish: Publish
) -> None:
    publish(msgspec.structs.replace(SIGNAL, drug=concept("d1"), reaction=concept("r1")))
    table = counted.measured(START, END)
    answer = client.get(f"{API}/pairs?{DAYS}&drug=DRUG+one&reaction=r1").json()
    [pair] = answer["items"]
    row = table.find("d1", "r1")
    assert pair["drug"] == {"id": "d1", "label": "Drug one"}
    assert pair["table"] == msgspec.to_builtins(row.table)
    assert pair["measures"] == msgspec.to_builtins(row.measures)
    assert (pair["authors"], pair["alert"]) == (row.authors, "signal-1")
    assert (answer["reports"], answer["start"], answer["end"]) == (
        table.reports, "2025-06-01T00:00:00Z", "2025-06-05T00:00:00Z",
    )  # fmt: skip
    assert answer["as_of"] is None
    for sort in ("a", "tic", "eb05"):
        for order in ("asc", "desc"):
            found = pages(client, f"{API}/pairs?{DAYS}&least=1&sort={sort}&order={order}&limit=25")
            names = [(one["drug"]["id"], one["reaction"]["id"]) for one in found]
            assert len(names) == len(set(names)) == len(table.codes)
            column = table.columns[{"tic": "tic"}.get(sort, sort)]
            ordered = table.places(None, None, 1, sort, order == "desc")
            at = {(str(table.drugs[place]), str(table.reactions[place])): place for place in ordered.tolist()}
            got, wanted = [column[at[name]] for name in names], column[ordered]
            assert [str(one) for one in got] == [str(one) for one in wanted]


def test_later_pages_are_of_the_time_of_the_first(client: TestClient, place: Settings) -> None:
    posts = [outcome(f"t:{i}", i % 50 * HOUR, (f"d{i % 5}", "r1"), author=f"a{i}") for i in range(100)]
    alerting(place, lambda worker: worker.count(posts), shipped())
    wait_for(lambda: len(reports(client).now().ledger.at) == 100)
    address = f"{API}/drugs?from=2025-06-01&to=2025-06-02&limit=2"
    first = client.get(address).json()
    alerting(place, lambda worker: worker.count([outcome("t:late", HOUR, ("d9", "r1"))]), shipped())
    wait_for(lambda: len(reports(client).now().ledger.at) == 101)
    second = client.get(f"{address}&cursor={first['next']}").json()
    assert second["end"] == first["end"] == "2025-06-03T00:00:00Z"
    assert len({one["id"] for one in first["items"] + second["items"]}) == 4
    # The last days end where they ended on the first page.
    latest = client.get(f"{API}/drugs", params={"cursor": first["next"]}).json()
    assert latest["end"] == first["end"]
    for made_up in ("W10", "WzFd", "WyJhIl0", "Wy0xLDEsImEiXQ", "WzFlOTksMSwiYSJd"):
        assert client.get(f"{API}/drugs", params={"cursor": made_up}).status_code == 404


def test_drugs_reactions_and_series_are_those_of_the_window(client: TestClient, counted: Any) -> None:
    window = counted.window(START, END)
    drugs = pages(client, f"{API}/drugs?{DAYS}&limit=3")
    assert [one["reports"] for one in drugs] == sorted((one["reports"] for one in drugs), reverse=True)
    by_id = {one["id"]: one["reports"] for one in drugs}
    names = counted.ledger.vocabulary
    assert by_id == {one: int(n) for one, n in zip(names.drugs.names, window.drugs(), strict=False) if n}
    [rash] = client.get(f"{API}/reactions?{DAYS}&q=rash").json()["items"]
    assert (rash["id"], rash["label"]) == ("r1", "Rash")
    for step, points in (("day", 4), ("hour", 96)):
        found = client.get(f"{API}/series?{DAYS}&reaction=r1&step={step}").json()
        assert len(found["points"]) == points
        assert sum(one["reports"] for one in found["points"]) == rash["reports"]
        assert found["points"][0]["low"] is None
        assert found["points"][-1]["low"] <= found["points"][-1]["high"]
    assert client.get(f"{API}/series?drug=nothing").status_code == 404
    wrong = client.get(f"{API}/series?from=2025-06-04&to=2025-06-01")
    assert wrong.status_code == 422
    assert "cannot be shown" in wrong.json()["title"]
    assert "one of a, authors" in client.get(f"{API}/pairs?sort=beauty").json()["title"]
