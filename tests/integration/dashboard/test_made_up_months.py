"""The view as a whole over the made-up months that the load test uses, in small."""

from __future__ import annotations

from contextlib import closing

from services.cases.audit import Trail
from services.cases.casebook import Casebook
from services.cases.database import Database
from services.cases.reviews import Reviews
from services.dashboard.view.mentions import Wanted
from services.dashboard.view.view import View
from shared.settings import Settings
from shared.signals.rules import load_rules
from shared.topics import DAY_MS
from tests.benchmarks.dashboard_data import Sizes, fill

PATIENCE = 60.0
SMALL = Sizes(mentions=1_500, pairs=60, days=14, dossiers=6)


def test_pages_find_pairs_their_evidence_and_its_texts(place: Settings) -> None:
    rules = load_rules(place.rules_file)
    written = fill(place, rules, SMALL)
    assert written["alerts"] > SMALL.dossiers == written["dossiers"]
    with closing(View(place, rules)) as view:
        assert {one.state for one in view.health()} == {"reading"}
        view.start()
        for caught_up in (view.alerts.caught_up, view.follower.state.caught_up, view.reports.state.caught_up):
            assert caught_up.wait(PATIENCE)
        assert {one.part: one.state for one in view.health()} == {"alerts": "up", "mentions": "up", "reports": "up"}
        assert len(view.alerts.all()) == written["alerts"]
        counted = view.reports.now()
        end = counted.closed_until_ms
        assert end is not None
        assert len(counted.ledger.posts) == written["posts"] == sum(view.mentions.counts(Wanted(), "source").values())
        best = counted.measured(end - 14 * DAY_MS, end).page(order="a", size=1).rows[0]
        evidence = view.mentions.evidence(Wanted(best.drug, best.reaction)).mentions
        assert len(evidence) >= min(best.table.a, 50)
        newest = evidence[0]
        shown = view.texts.of([newest.post_id], PATIENCE)[newest.post_id]
        assert shown.post is not None
        span = newest.drug_span
        assert shown.post.text[span.start : span.end] == newest.drug.label == counted.concept(best.drug).label
    with closing(Database.opened(place)) as database:
        trail = Trail.of(place)
        cases, reviews = Casebook(database, trail, "test").all(), Reviews(database, trail, "test").all()
        assert len(cases) + len(reviews) == SMALL.dossiers
