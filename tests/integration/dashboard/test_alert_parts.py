"""What the page of one alert loads after it: posts and the trend, over real topics and real rows."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from datetime import timedelta

import msgspec
import pytest
from fastapi.testclient import TestClient

from services.alerting.link import RedisLink
from services.alerting.rows import Batch, RowStore
from services.dashboard.access.rights import RIGHTS, Person, Right, Role
from shared.events import Alert, Concept, Mention, Post, Span, Table, Terms, derived_id, now
from shared.redis_keys import Keys
from shared.settings import Settings
from shared.signals.rules import load_rules
from shared.signals.windows import Row, to_ms
from shared.topics import POSTS
from tests.integration.cases.items import item
from tests.integration.dashboard.conftest import Publish
from tests.integration.dashboard.test_alerts_page import trail
from tests.integration.dashboard.test_view import World, mention, wait_for

WHEN = now().replace(minute=0, second=0, microsecond=0) - timedelta(hours=5)
DRUG, REACTION = Concept("DB1", "metformin"), Concept("HP:1", "Vomiting")
ALERT = Alert(
    id="signal-1", kind="disproportionality", drug=DRUG, reaction=REACTION, episode=WHEN,
    evaluated_at=WHEN + timedelta(hours=2), rules=("evans",), rule_version="1", examples=("own:1",), window_hours=24,
    table=Table(2, 1, 1, 10), authors=2,
)  # fmt: skip
HTMX = {"HX-Request": "true"}
TEXT = "Metformin gave me vomiting, I am not sure why."


@pytest.fixture
def world(kafka: str, place: Settings) -> Iterator[World]:
    world = World(place, kafka)
    yield world
    world.producer.close()


def report(post: str, minute: int, terms: Terms | None = None) -> Mention:
    places = (Span(0, 0), Span(0, 0)) if terms else (Span(0, 9), Span(18, 26))
    found = mention(post, minute, terms=terms)
    return msgspec.structs.replace(
        found, id=derived_id("mention", post), drug=DRUG, reaction=REACTION, drug_span=places[0],
        reaction_span=places[1], person="writer", serious=("hospitalisation",),
    )  # fmt: skip


def fill(world: World, client: TestClient, posts: dict[str, Terms | None]) -> None:
    """Posts with their mentions, a minute apart, once the dashboard has read them."""
    for number, (post, terms) in enumerate(posts.items()):
        world.write(POSTS, post, Post(id=post, source="own", text=TEXT, created_at=WHEN, ingested_at=WHEN, terms=terms))
        world.mentions(report(post, number, terms))
    world.producer.flush()
    view = client.app.state.desk.view  # type: ignore[attr-defined]
    wait_for(lambda: view.mentions.total() == len(posts) and view.follower.state.caught_up.is_set())


def test_posts_are_shown_with_marks_and_reasons_or_with_why_not(
    world: World, client: TestClient, publish: Publish
) -> None:
    publish(ALERT)
    fill(world, client, {"own:1": None, "own:2": None, "own:3": Terms(aggregates_only=True)})
    world.write(POSTS, "own:2", None)
    world.producer.flush()
    view = client.app.state.desk.view  # type: ignore[attr-defined]
    wait_for(lambda: view.mentions.place("own:2") is None)
    answer = client.get("/alerts/signal-1/evidence", headers=HTMX)
    assert answer.headers["Cache-Control"] == "no-store"
    shown = answer.text
    assert '<mark class="drug">Metformin</mark>' in shown
    assert '<mark class="cause">gave me</mark>' in shown
    assert '<mark class="reaction">vomiting</mark>' in shown
    assert "one clause" in shown
    assert "only aggregates may be kept" in shown
    assert "no longer kept" in shown
    assert "the writer&#39;s own" in shown
    world.deletion("own:1")
    world.producer.flush()
    wait_for(lambda: view.mentions.taken_back("own:1"))
    assert "Metformin</mark>" not in client.get("/alerts/signal-1/evidence", headers=HTMX).text


def test_the_list_and_the_api_say_how_serious_an_alert_is_as_posts_come_and_go(
    world: World, client: TestClient, publish: Publish
) -> None:
    other = msgspec.structs.replace(ALERT, id="signal-2", drug=Concept("DB2", "another"))
    publish(ALERT, other, item())
    assert "1 of 3 alerts" in client.get("/alerts?serious=any", headers=HTMX).text
    fill(world, client, {"own:1": None, "own:2": None, "own:3": None})
    assert "3 posts: hospitalisation" in client.get("/alerts?serious=any", headers=HTMX).text
    row = client.get("/alerts/item-1/row", headers=HTMX).text
    assert "death, medically important" in row
    world.deletion("own:1")
    world.producer.flush()
    view = client.app.state.desk.view  # type: ignore[attr-defined]
    wait_for(lambda: view.mentions.taken_back("own:1"))
    assert "2 posts: hospitalisation" in client.get("/alerts/signal-1/row", headers=HTMX).text
    found = {one["id"]: one["serious"] for one in client.get("/api/v1/alerts").json()["items"]}
    assert found == {
        "signal-1": {"word": "suggested", "criteria": ["hospitalisation"], "posts": 2},
        "signal-2": {"word": "nothing said", "criteria": [], "posts": 0},
        "item-1": {"word": "suggested", "criteria": ["death", "medically_important"], "posts": None},
    }
    assert client.get("/api/v1/alerts", params={"serious": "confirmed"}).json()["items"] == []


def test_older_posts_come_page_by_page(world: World, client: TestClient, publish: Publish) -> None:
    publish(ALERT)
    fill(world, client, {f"own:{number}": None for number in range(12)})
    first = client.get("/alerts/signal-1/evidence", headers=HTMX).text
    assert first.count('<article class="post">') == 10
    older = first.split('hx-get="')[1].split('"')[0].replace("&amp;", "&")
    assert "own" not in older
    rest = client.get(older, headers=HTMX).text
    assert rest.count('<article class="post">') == 2
    assert "Show older posts" not in rest


def test_the_api_gives_posts_by_policy_page_by_page_and_the_trail_says_who_read_them(
    world: World, client: TestClient, publish: Publish
) -> None:
    publish(ALERT)
    fill(world, client, {"own:1": None, "own:2": None, "own:3": Terms(aggregates_only=True)})
    address = "/api/v1/alerts/signal-1/evidence"
    first = client.get(address, params={"limit": 2})
    assert first.headers["Cache-Control"] == "no-store"
    rest = client.get(address, params={"limit": 2, "cursor": first.json()["next"]}).json()
    assert rest["next"] is None
    found = {one["post"]: one for one in (*first.json()["items"], *rest["items"])}
    assert set(found) == {"own:1", "own:2", "own:3"}
    own = found["own:1"]
    assert own["text"] == TEXT
    named = [own["text"][own[span]["start"] : own[span]["end"]] for span in ("drug", "reaction")]
    assert named == ["Metformin", "vomiting"]
    assert "one clause" in " ".join(own["why"])
    assert (found["own:3"]["text"], found["own:3"]["missing"]) == (None, "only aggregates may be kept")
    assert trail(client)[-2:] == [("read", "signal:signal-1", "evidence")] * 2
    assert client.get(address, params={"cursor": "WzFd"}).status_code == 404
    assert len(trail(client)) == 2


def test_of_a_single_report_only_its_own_post_is_shown(world: World, client: TestClient, publish: Publish) -> None:
    publish(
        msgspec.structs.replace(ALERT, id="item-1", kind="single_report", lane="urgent", table=None, window_hours=None)
    )
    fill(world, client, {"own:1": None, "own:2": None})
    assert client.get("/alerts/item-1/evidence", headers=HTMX).text.count('<article class="post">') == 1


def test_the_trend_counts_as_alerting_does_and_says_why_a_report_does_not_count(
    world: World, client: TestClient, publish: Publish, place: Settings
) -> None:
    publish(ALERT)
    fill(world, client, {"own:1": None, "own:2": None, "own:3": None})
    pair = ((DRUG.id, REACTION.id),)
    store_rows(
        place,
        [Row("own:1", to_ms(WHEN), "a", "same", pair), Row("own:2", to_ms(WHEN) + 1, "b", "same", pair),
         Row("own:3", to_ms(WHEN) + 2, "a", "other", pair)],
    )  # fmt: skip
    counted = client.app.state.desk.view.reports.now  # type: ignore[attr-defined]
    wait_for(lambda: len(counted().ledger.at) == 3)
    trend = client.get("/alerts/signal-1/trend", headers=HTMX).text
    assert trend.count('data-n="1"') == 1
    first, last = ALERT.evaluated_at - timedelta(hours=24), ALERT.evaluated_at - timedelta(milliseconds=1)
    assert trend.count(" data-in") == (last.date() - first.date()).days + 1
    shown = client.get("/alerts/signal-1/evidence", headers=HTMX).text
    assert "does not count: the same words as an earlier post" in shown
    assert "does not count: its author has reported this pair before" in shown


def store_rows(place: Settings, rows: list[Row]) -> None:
    """Rows as alerting keeps them."""

    async def write() -> None:
        link = RedisLink(place.require("redis_url"))
        store = RowStore(link, Keys(place.redis_prefix), load_rules(place.rules_file))
        await store.write(Batch({row.post_id: row for row in rows}, set(), {}, {}))
        await link.close()

    asyncio.run(write())


@pytest.mark.parametrize(
    ("method", "address", "right"),
    [
        ("GET", "evidence", Right.SEE_EVIDENCE), ("GET", "history", Right.SEE_CASES), ("POST", "move", Right.REVIEW_SIGNALS),
        ("POST", "comment", Right.REVIEW_SIGNALS), ("POST", "assign", Right.REVIEW_SIGNALS),
        ("POST", "assess", Right.WORK_ON_CASES), ("POST", "open", Right.WORK_ON_CASES), ("POST", "link", Right.WORK_ON_CASES),
        ("POST", "case.xml", Right.EXPORT_CASES), ("POST", "case.csv", Right.EXPORT_CASES),
    ],
)  # fmt: skip
def test_a_viewer_sees_counts_and_no_more(
    client: TestClient, publish: Publish, monkeypatch: pytest.MonkeyPatch, method: str, address: str, right: Right
) -> None:
    publish(ALERT)
    may: Callable[[Person, Right], bool] = lambda _, wanted: wanted in RIGHTS[Role.viewer]  # noqa: E731
    monkeypatch.setattr(Person, "may", may)
    data = {
        "state": "triaged", "reason": "x", "text": "x", "me": "true", "other": "x", "narrative": "x", "sender": "a",
        "receiver": "b",
    }  # fmt: skip
    refused = client.request(method, f"/alerts/signal-1/{address}", data=data if method == "POST" else None)
    assert refused.status_code == 403
    assert right in refused.text
    page = client.get("/alerts/signal-1")
    assert page.status_code == 200
    assert 'action="/alerts/signal-1/move"' not in page.text
    assert "do not let you read posts" in page.text
