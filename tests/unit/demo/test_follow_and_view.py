"""The demo knows when all is done, and says what it found and what it missed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from rich.console import Console

from deploy.demo import sample, view
from deploy.demo.follow import State, closed_until
from deploy.reconcile.account import Seen, account
from deploy.reconcile.rows import Row
from shared.events import Alert, Concept, Outcome, Table
from shared.settings import load
from shared.signals.rules import load_rules

NOON = datetime(2026, 6, 3, 12, tzinfo=UTC)
TRUTH = sample.load()


def state(*, lost: int = 0, lag: int = 0, **changes: Any) -> State:
    seen = Seen()
    seen.add(Outcome(post_id="sample:1", status="negative", created_at=NOON, model_version="1"), 0)
    rows = [Row("posts.jsonl", 1, 1, "sample:1"), *(Row("posts.jsonl", 2 + n, 2 + n, f"x:{n}") for n in range(lost))]
    values = {"published": 1, "alerts": (), "watermark": NOON, "evaluated": NOON, "closed": NOON, **changes}
    return State(account=account(rows, seen), lag=lag, **values)


def alert(pair: tuple[Concept, Concept], kind: str = "disproportionality", **changes: Any) -> Alert:
    values: dict[str, Any] = {
        "id": f"{pair[0].id}{pair[1].id}{kind}",
        "kind": kind,
        "drug": pair[0],
        "reaction": pair[1],
        "episode": NOON,
        "evaluated_at": NOON,
        "rules": ("evans",),
        "rule_version": "1",
        "examples": (),
        "table": Table(5, 4, 3, 99),
        "authors": 5,
    }
    return Alert(**{**values, **changes})


def shown(what: Any) -> str:
    console = Console(width=160, record=True, file=open("/dev/null", "w"))  # noqa: SIM115, PTH123
    console.print(what)
    return console.export_text()


def test_all_is_done_when_nothing_is_lost_nobody_lags_and_closed_buckets_are_evaluated() -> None:
    assert state().done
    assert state(evaluated=NOON + timedelta(hours=1)).done
    assert state(evaluated=None, closed=None).done


@pytest.mark.parametrize(
    "changes", [{"lost": 1}, {"lag": 1}, {"evaluated": NOON - timedelta(hours=1)}, {"evaluated": None}]
)
def test_one_thing_that_is_left_is_not_done(changes: dict[str, Any]) -> None:
    assert not state(**changes).done


def test_a_bucket_is_closed_only_after_the_allowed_lateness() -> None:
    rules = load_rules(load().rules_file).time
    lateness = timedelta(milliseconds=rules.lateness_ms)
    bucket = timedelta(milliseconds=rules.bucket_ms)
    assert closed_until(NOON + lateness, rules) == NOON
    assert closed_until(NOON + lateness - timedelta(seconds=1), rules) == NOON - bucket


def test_the_comparison_names_what_was_missed_and_which_decoy_alerted() -> None:
    decoy = TRUTH.decoys[0]
    alerts = [alert((signal.drug, signal.reaction)) for signal in TRUTH.signals[1:]]
    alerts.append(alert((decoy.drug, decoy.reaction)))
    text = shown(view.comparison(TRUTH, sample.compare(TRUTH, alerts), rejects=2))
    lines = {line.split(" - ")[0].strip(): line for line in text.splitlines() if " - " in line}
    assert "MISSED" in lines[TRUTH.signals[0].drug.label]
    assert "found" in lines[TRUTH.signals[1].drug.label]
    assert "MISSED" in lines[TRUTH.single_report.drug.label]
    assert "ALERTED" in lines[decoy.drug.label]
    assert "silent" in lines[TRUTH.decoys[1].drug.label]
    assert next(line for line in text.splitlines() if "no posts" in line).rstrip().endswith("2")


def test_surprises_are_alerts_that_nobody_planted() -> None:
    odd = (Concept("DB1", "oddine"), Concept("HP:1", "Oddness"))
    report = TRUTH.single_report
    alerts = [
        *(alert((signal.drug, signal.reaction)) for signal in TRUTH.signals),
        alert((report.drug, report.reaction), "single_report", examples=(f"sample:{report.post}",)),
        alert(odd),
        alert(odd, "single_report", examples=("sample:0001",)),
    ]
    assert view.surprises(TRUTH, sample.compare(TRUTH, alerts), alerts) == [
        "not planted, but alerted: oddine - Oddness (disproportionality)",
        "not planted, but alerted: oddine - Oddness (single report)",
    ]


def test_progress_shows_counts_and_alerts() -> None:
    signal = TRUTH.signals[0]
    table = shown(view.dashboard(state(alerts=(alert((signal.drug, signal.reaction)),)), "kafka running"))
    assert "sertraline - Insomnia: 5 reports by 5 authors" in table
    assert "kafka running" in table
    assert "no reaction reported: 1" in view.plain(state())
    assert "watermark: 03 Jun 12:00" in view.plain(state())
