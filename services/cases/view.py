"""Cases and the audit trail as people see them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich import box
from rich.table import Table as Grid

from services.cases.book import Comment
from shared.cases.causality import naranjo_score
from shared.cases.clocks import deadlines
from shared.cases.duplicates import Suspicion, because
from shared.cases.listedness import Suggestion
from shared.cases.model import CRITERIA, Case


def grid(cases: Iterable[Case]) -> Grid:
    """Cases as a table."""
    table = Grid(box=box.SIMPLE_HEAD, header_style="bold", show_edge=False)
    for name in ("id", "opened", "drug", "reaction", "state", "valid", "serious", "due", "assignee"):
        table.add_column(name, no_wrap=name == "id", overflow="fold")
    for case in cases:
        due = deadlines(case)
        table.add_row(
            case.id,
            f"{case.opened_at:%Y-%m-%d}",
            case.drug.label,
            case.reaction.label,
            case.state,
            case.valid,
            case.serious_word,
            f"{due[0].due} {due[0].region}" if due else "",
            case.assignee or "",
        )
    return table


def suspected(found: Iterable[Suspicion]) -> Grid:
    """Pairs of cases that may be one, as a table."""
    table = Grid(box=box.SIMPLE_HEAD, header_style="bold", show_edge=False)
    for name in ("case", "earlier case", "why", "linked"):
        table.add_column(name, no_wrap="case" in name, overflow="fold")
    for one in found:
        why = because(one.reasons, one.similarity)
        table.add_row(one.second, one.first, why, "yes" if one.linked else "no")
    return table


def card(case: Case, comments: Sequence[Comment], suggestion: Suggestion | None = None) -> Grid:
    """Everything of one case, a line each, with what the reference safety information suggests."""
    table = Grid(box=None, show_header=False, pad_edge=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    lines = {
        "id": case.id,
        "state": case.state,
        "assignee": case.assignee or "nobody",
        "opened": f"{case.opened_at:%Y-%m-%d %H:%M} UTC by {case.opened_by}",
        "from": f"item {case.alert}, {_post(case)}",
        "suspect drug": f"{case.drug.label} ({case.drug.id})",
        "reaction": f"{case.reaction.label} ({case.reaction.id})",
        "minimum criteria": ", ".join(f"{name} {case.criteria.get(name, 'unknown')}" for name in CRITERIA),
        "valid": case.valid,
        "serious": case.serious_word,
        "criteria of seriousness": ", ".join(f"{name} {word}" for name, word in case.seriousness.items()) or "none",
        "special situations": ", ".join(case.situations) or "none",
        "day 0": str(case.awareness or "not known"),
        "due": "\n".join(_due(case)) or "no clock runs",
        "WHO-UMC": case.who_umc or "not assessed",
        "Naranjo": "{} ({})".format(*naranjo_score(case.naranjo)) if case.naranjo else "not assessed",
        "duplicates": ", ".join(case.duplicates) or "none linked (see adrwatch cases duplicates)",
        "may be one with": "\n".join(_suspected(case)) or "no other that is known of",
        "listedness": case.listedness or "not assessed",
        **({"reference safety information": str(suggestion)} if suggestion else {}),
        **by_rules(case.rule_version, case.overrides),
        "narrative": case.narrative or "none",
    }
    for name, value in lines.items():
        table.add_row(name, value)
    for comment in comments:
        table.add_row(f"{comment.at[:16].replace('T', ' ')} {comment.actor}", comment.text)
    return table


def by_rules(version: str, overrides: Sequence[str]) -> dict[str, str]:
    """By which rules an alert was raised, name to value, as the alert's own card says it."""
    known = bool(version)
    said = ", ".join(overrides) or "nothing"
    return {"rule version": version or "not known", "other than shipped": said if known else "not known"}


def _post(case: Case) -> str:
    if case.post is None:
        return "post taken back"
    if case.terms is not None and case.terms.aggregates_only:
        return "a post of which only aggregates are kept"
    return f"post {case.post}"


def _suspected(case: Case) -> Iterable[str]:
    for flag in case.flags:
        yield f"{flag.case}: {because(flag.reasons, flag.similarity)}"


def _due(case: Case) -> Iterable[str]:
    for deadline in deadlines(case):
        yield f"{deadline.due} {deadline.region}" + (" (if serious)" if deadline.provisional else "")
