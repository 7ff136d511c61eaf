"""Explore, Drugs and Reactions through the application, over rows that alerting wrote to a real Redis."""

from __future__ import annotations

import csv
import functools
import html
import io
import re
import socket
from pathlib import Path
from typing import Any

import duckdb
import msgspec
import pytest
from fastapi.testclient import TestClient

from deploy.local.stack import Stack
from services.dashboard.app import application
from services.dashboard.worker import desk_of
from shared.settings import Settings
from shared.signals import wording
from shared.signals.rules import shipped
from shared.signals.windows import from_ms
from shared.topics import DAY_MS
from tests.integration.dashboard.conftest import Publish
from tests.integration.dashboard.test_alerts_page import HTMX, SIGNAL
from tests.integration.dashboard.test_reports import alerting, wait_for
from tests.unit.alerting.world import HOUR, START, Alerting, closing, concept, outcome, several_days

# The days of the posts.
DAYS = "from=2025-06-01&to=2025-06-04"
END = START + 4 * DAY_MS


def reports(client: TestClient) -> Any:
    return client.app.state.desk.view.reports  # type: ignore[attr-defined]


@pytest.fixture
def counted(client: TestClient, place: Settings) -> Any:
    """Four days of posts, once the dashboard has all of them."""
    posts = several_days()
    alerting(place, lambda worker: worker.count(posts), shipped())
    wait_for(lambda: len(reports(client).now().ledger.at) == sum(bool(one.pairs) for one in posts))
    return reports(client).now()


def test_the_table_is_narrowed_ordered_and_paged_by_its_address(client: TestClient, counted: Any) -> None:
    found = counted.measured(START, END)
    whole = found.page(order="a", size=10_000)
    page = client.get(f"/explore?{DAYS}&least=1&sort=a")
    assert page.headers["Cache-Control"] == "no-store"
    assert f"{whole.total} pairs among {whole.reports} reports" in page.text
    assert "page 1 of 2" in page.text
    assert page.text.count("with neither") == 50
    rest = client.get(f"/explore?{DAYS}&least=1&sort=a&page=2", headers=HTMX).text
    assert "<html" not in rest
    assert rest.count("with neither") == whole.total - 50
    top = whole.rows[0].table
    cell = f"{top.a} with both, {top.b} with the drug only, {top.c} with the reaction only, {top.d} with neither"
    assert cell in page.text
    assert cell not in rest
    narrow = client.get(f"/explore?{DAYS}&least=1&drug=drug+two&reaction=RASH&show=tic").text
    assert "1 pairs among" in narrow
    assert "/drugs/d2" in narrow
    assert 'value="tic" checked' in narrow
    assert 'value="prr" checked' not in narrow


@pytest.mark.parametrize("address", ["/explore?{}&least=1&page=2", "/drugs/d1?{}", "/reactions/r1?{}"])
def test_a_page_shows_what_there_is_and_asks_for_the_measures_that_take_long(
    client: TestClient, counted: Any, address: str
) -> None:
    first = client.get(address.format(DAYS)).text
    assert "being computed" in first
    again = html.unescape(first.split('" hx-trigger="load"')[0].rsplit('hx-get="', 1)[1])
    part = first.split('hx-select="#')[1].split('"')[0]
    found = counted.measured(START, END)
    row = max(found.page(drug="d1", size=999).rows, key=lambda one: one.table.a)
    whole = client.get(again, headers=HTMX).text
    assert f'id="{part}"' in whole
    assert "being computed" not in whole
    assert (wording.interval(row.measures["ebgm"]) in whole) is ("page=2" not in address)
    # The same rows, and from then on without waiting.
    assert first.count("<tr>") == whole.count("<tr>")
    assert "being computed" not in client.get(address.format(DAYS)).text


def test_a_table_without_the_measures_that_take_long_asks_for_nothing_more(client: TestClient, counted: Any) -> None:
    assert "all-measures" not in client.get(f"/explore?{DAYS}&show=prr,ic").text
    assert "all-measures" in client.get(f"/explore?{DAYS}&show=prr,ic&sort=eb05").text
    # What is taken away, and what programs ask for, is whole at once.
    [pair, *_] = client.get(f"/api/v1/pairs?{DAYS}&least=1&sort=a").json()["items"]
    assert pair["measures"]["ebgm"]["value"] is not None
    assert "being computed" not in client.get(f"/explore?{DAYS}").text


def test_a_pair_with_an_alert_leads_to_it(client: TestClient, counted: Any, publish: Publish) -> None:
    publish(msgspec.structs.replace(SIGNAL, drug=concept("d1"), reaction=concept("r1")))
    page = client.get(f"/explore?{DAYS}&drug=d1&reaction=r1").text
    assert 'href="/alerts/signal-1"' in page
    assert 'href="/alerts/signal-1"' not in client.get(f"/explore?{DAYS}&drug=d2").text
    assert 'href="/alerts/signal-1"' in client.get(f"/drugs/d1?{DAYS}").text
    assert 'href="/alerts/signal-1"' in client.get(f"/reactions/r1?{DAYS}").text


def test_what_is_taken_away_is_the_whole_table(client: TestClient, counted: Any, tmp_path: Path) -> None:
    found = counted.measured(START, END)
    wanted = [(one.drug, one.reaction, one.table.a, one.authors) for one in found.page(order="prr", size=9999).rows]
    address = f"?{DAYS}&least=1&sort=prr&page=2"
    answer = client.get(f"/explore.csv{address}")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="adrwatch-pairs-20250601-20250604.csv"'
    assert answer.headers["Content-Type"].startswith("text/csv")
    rows = csv.DictReader(io.StringIO(answer.text))
    assert [(one["drug_id"], one["reaction_id"], int(one["a"]), int(one["authors"])) for one in rows] == wanted
    (tmp_path / "pairs.parquet").write_bytes(client.get(f"/explore.parquet{address}").content)
    stored = duckdb.sql(f"SELECT drug_id, reaction_id, a, authors FROM '{tmp_path / 'pairs.parquet'}'").fetchall()
    assert stored == wanted
    assert client.get(f"/explore.xlsx{address}").status_code in (404, 422)


@pytest.mark.parametrize(
    ("address", "named"),
    [
        ("/explore?from=today", "From cannot be"),
        ("/explore?sort=beauty", "order of beauty"),
        ("/explore?show=beauty", "no measure beauty"),
        ("/explore.csv?least=few", "Least cannot be"),
        ("/drugs?days=0", "Days cannot be"),
        ("/reactions?to=2025-13-01", "To cannot be"),
        ("/drugs/d1?days=x", "Days cannot be"),
    ],
)  # fmt: skip
def test_a_wrong_word_in_an_address_is_named_with_the_fix(client: TestClient, address: str, named: str) -> None:
    answer = client.get(address)
    assert answer.status_code == 422
    assert named in answer.text
    assert "What helps" in answer.text


def test_drugs_and_reactions_are_found_and_lead_to_their_pages(client: TestClient, counted: Any) -> None:
    page = client.get(f"/drugs?{DAYS}&q=TWO").text
    assert 'href="/drugs/d2">Drug two</a>' in page
    assert "nothing is reported of a reaction" in client.get(f"/reactions?{DAYS}&q=headache").text
    found = counted.measured(START, END).find("d1", "r1")
    assert f'title="Drug one, Rash: {found.table.a} reports' in page
    one = client.get(f"/drugs/d1?{DAYS}").text
    assert "<h1>Drug one</h1>" in one
    assert 'href="/reactions/r1">Rash</a>' in one
    assert "2025-06-04</td>" in one
    assert "<h1>Nausea</h1>" in client.get(f"/reactions/r2?{DAYS}").text
    assert client.get("/drugs/nothing").status_code == client.get("/reactions/d1").status_code == 404


def test_the_list_of_alerts_shows_the_trend_of_each_pair(client: TestClient, place: Settings, publish: Publish) -> None:
    publish(msgspec.structs.replace(SIGNAL, drug=concept("d1"), reaction=concept("r1")))
    assert "Reports a day" not in client.get("/alerts").text
    posts = [outcome(f"t:{i}", i * 12 * HOUR, ("d1", "r1"), author=f"a{i}") for i in range(20)]

    async def work(worker: Alerting) -> None:
        await worker.count([*posts, *closing(10 * 24 * HOUR)])
        await worker.tick()

    alerting(place, work, shipped())
    wait_for(lambda: reports(client).now().closed_until_ms is not None and len(reports(client).now().ledger.at) == 20)
    # Later posts are not in a bucket that is closed.
    closed = reports(client).now().closed_until_ms - START
    wanted = [sum(closed - days * DAY_MS <= i * 12 * HOUR < closed for i in range(20)) for days in (28, 7)]
    said = f"Reports a day over 28 days: {wanted[0]} in all, {wanted[1]} in the last 7"
    assert 0 < wanted[1] < wanted[0]
    assert said in client.get("/alerts").text
    assert said in client.get("/alerts/signal-1/row", headers=HTMX).text


def test_the_chart_of_an_old_alert_shows_its_window(client: TestClient, place: Settings, publish: Publish) -> None:
    posts = [outcome(f"t:{i}", i * HOUR, ("d1", "r1"), author=f"a{i}") for i in range(3)]

    async def work(worker: Alerting) -> None:
        await worker.count([*posts, *closing(300 * DAY_MS)])
        await worker.tick()

    alerting(place, work, shipped())
    wait_for(lambda: (reports(client).now().closed_until_ms or 0) > START + 250 * DAY_MS)
    end = from_ms(START + DAY_MS)
    publish(
        msgspec.structs.replace(SIGNAL, drug=concept("d1"), reaction=concept("r1"), evaluated_at=end, window_hours=24)
    )
    trend = client.get("/alerts/signal-1/trend", headers=HTMX).text
    assert trend.count("<tr data-at") == 200
    [inside] = re.findall(r'<tr [^>]*data-n="(\d+)"[^>]* data-in>', trend)
    assert inside == "3"


def test_nothing_in_the_usual_days_is_said_in_words(client: TestClient, counted: Any) -> None:
    # The posts are older than the last days before now, as alerting has closed none.
    assert "No pair fits" in client.get("/explore").text
    assert "Nothing was reported in this time" in client.get("/drugs").text
    assert "No report of this time counts." in client.get("/drugs/d1").text


@pytest.mark.parametrize("closed_hours", [60, 72])
def test_charts_tables_and_answers_of_a_time_add_up(client: TestClient, place: Settings, closed_hours: int) -> None:
    posts = [outcome(f"t:{i}", i * HOUR, ("d1", "r1"), author=f"a{i}") for i in range(closed_hours + 3)]

    async def work(worker: Alerting) -> None:
        await worker.count([*posts, *closing(closed_hours * HOUR)])
        await worker.tick()

    alerting(place, work, shipped())
    now = reports(client).now
    wait_for(lambda: len(now().ledger.at) == len(posts) and now().closed_until_ms is not None)
    last = -(-(now().closed_until_ms - START) // DAY_MS)
    wanted = sum((last - 2) * 24 <= i < last * 24 for i in range(len(posts)))
    page = client.get("/drugs/d1?days=2").text
    assert sum(map(int, re.findall(r'data-n="(\d+)"', page))) == wanted
    assert re.findall(r'Rash</a></td><td class="n">(\d+)</td>', page) == [str(wanted)]
    assert f"2025-06-0{last - 1} to 2025-06-0{last}, whole days of UTC" in page
    assert f"among {wanted} reports" in client.get("/explore?days=2").text
    [drug] = client.get("/api/v1/drugs?days=2").json()["items"]
    for step in ("day", "hour"):
        answer = client.get(f"/api/v1/series?days=2&step={step}&drug=d1").json()
        assert sum(point["reports"] for point in answer["points"]) == drug["reports"] == wanted
        assert (answer["start"], answer["end"]) == (f"2025-06-0{last - 1}T00:00:00Z", f"2025-06-0{last + 1}T00:00:00Z")


def test_what_is_not_read_yet_is_not_called_nothing(place: Settings) -> None:
    # It takes connections and says nothing.
    with socket.create_server(("127.0.0.1", 0)) as silent:
        settings = place.model_copy(update={"redis_url": f"redis://127.0.0.1:{silent.getsockname()[1]}/0"})
        browser = TestClient(application(functools.partial(desk_of, settings)), base_url="http://127.0.0.1:8480")
        with browser as client:
            for address in ("/drugs/d1", "/reactions/r1", "/drugs?q=d1", "/explore"):
                text = client.get(address).text
                assert "Reports are still being read" in text
                for nothing in (
                    "No report of this time counts",
                    "Nothing was reported",
                    "othing is reported",
                    "No pair",
                ):
                    assert nothing not in text


def test_while_redis_is_away_pages_say_from_when_counts_are(place: Settings, tmp_path: Path) -> None:
    with Stack(place.model_copy(update={"redis_url": None}), servers=["redis"]) as stack:
        settings = place.model_copy(update=stack.addresses | {"retry_most": 0.2})
        alerting(settings, lambda worker: worker.count(several_days(posts=30)), shipped())
        browser = TestClient(application(functools.partial(desk_of, settings)), base_url="http://127.0.0.1:8480")
        with browser as client:
            wait_for(lambda: len(reports(client).now().ledger.at) > 0)
            before = client.get(f"/explore?{DAYS}&least=1").text
            assert "as they were" not in before
            stack.stop()
            wait_for(lambda: reports(client).state.health().state == "away")
            for address in ("/explore", "/drugs", "/reactions", "/drugs/d1", "/reactions/r1"):
                answer = client.get(f"{address}?{DAYS}&least=1")
                assert answer.status_code == 200
                assert "Counts are as they were" in answer.text
            after = client.get(f"/explore?{DAYS}&least=1").text
            assert after.count("with neither") == before.count("with neither") > 0
