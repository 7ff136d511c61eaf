"""Signals under review as people and machines see them: the review, with what its alert says now."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich import box
from rich.table import Table as Grid

from services.cases.book import Comment
from services.cases.view import by_rules
from shared.cases.listedness import Suggestion
from shared.cases.review import Review, review_of
from shared.events import Alert
from shared.latest_alerts import concept_matches

Row = dict[str, Any]


def rows(alerts: Mapping[str, Alert], reviews: Iterable[Review], drug: str | None = None) -> list[Row]:
    """All signals, the latest first, then those whose alert was taken back; one that nobody has looked at is new."""
    known = {review.id: review for review in reviews if drug is None or concept_matches(drug, review.drug)}
    found = [
        row_of(known.get(alert.id) or review_of(alert, alert.evaluated_at, ""), alert) for alert in alerts.values()
    ]
    return found + [row_of(review, None) for review in known.values() if review.id not in alerts]


def row_of(review: Review, alert: Alert | None) -> Row:
    """One signal; `reports`, `authors`, `window_hours` and `rules` are None where its alert was taken back.

    `rule_version` and `overrides` are those of the alert, then as somebody saw them last.
    """
    raised = alert or review
    return {
        "id": review.id,
        "state": review.state,
        "assignee": review.assignee,
        "drug": review.drug.label,
        "drug_id": review.drug.id,
        "reaction": review.reaction.label,
        "reaction_id": review.reaction.id,
        "episode": review.episode.isoformat(),
        "previous": review.previous,
        "evidence_until": (alert.evaluated_at if alert else review.evidence_until).isoformat(),
        "taken_back": alert is None,
        "reports": alert.table.a if alert and alert.table else None,
        "authors": alert.authors if alert else None,
        "window_hours": alert.window_hours if alert else None,
        "rules": list(alert.rules) if alert else None,
        "rule_version": raised.rule_version,
        "overrides": list(raised.overrides),
    }


def grid(found: Iterable[Row]) -> Grid:
    """Signals as a table."""
    table = Grid(box=box.SIMPLE_HEAD, header_style="bold", show_edge=False)
    for name in ("id", "began", "drug", "reaction", "reports", "state", "assignee", "earlier episode"):
        table.add_column(name, no_wrap=name == "id", overflow="fold")
    for row in found:
        reports = "taken back" if row["taken_back"] else str(row["reports"])
        table.add_row(
            row["id"], row["episode"][:10], row["drug"], row["reaction"], reports, row["state"],
            row["assignee"] or "", row["previous"] or "",
        )  # fmt: skip
    return table


def card(
    review: Review, alert: Alert | None, comments: Sequence[Comment], suggestion: Suggestion | None = None
) -> Grid:
    """Everything of one review, a line each. The alert's own card has the measures."""
    table = Grid(box=None, show_header=False, pad_edge=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    row = row_of(review, alert)
    lines = {
        "id": review.id,
        "state": review.state,
        "assignee": review.assignee or "nobody",
        "drug": f"{review.drug.label} ({review.drug.id})",
        "reaction": f"{review.reaction.label} ({review.reaction.id})",
        "began": f"{review.episode:%Y-%m-%d %H:%M} UTC",
        "earlier episode": review.previous or "none",
        "evidence": _evidence(row),
        **by_rules(row["rule_version"], row["overrides"]),
        "evidence until": f"{row['evidence_until'][:16].replace('T', ' ')} UTC",
        **({"reference safety information": str(suggestion)} if suggestion else {}),
        "more": f"adrwatch alerts show {review.id}",
    }
    for name, value in lines.items():
        table.add_row(name, value)
    for comment in comments:
        table.add_row(f"{comment.at[:16].replace('T', ' ')} {comment.actor}", comment.text)
    return table


def _evidence(row: Row) -> str:
    if row["taken_back"]:
        return "taken back"
    rules = ", ".join(row["rules"]) or "no rule any more"
    return f"{row['reports']} reports by {row['authors']} authors in {row['window_hours']} h, by {rules}"
