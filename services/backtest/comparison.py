"""What would have alerted? Two results, held against one another. Pure.

Signals are matched by pair and time, not by id, for an id holds the moment at which its episode began: episodes of a pair belong
together when they overlap, or lie no further apart than the shorter cool-down of both rules, within which neither would have begun
another. Single reports are matched by their ids, which hang on words, drug and reaction alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

import msgspec

from services.backtest.result import Account, Result
from services.backtest.stories import Span
from shared.events import Alert, Concept


class Side(msgspec.Struct, frozen=True, kw_only=True):
    """One of the two results, without its alerts."""

    name: str
    source: str
    model_version: str
    rule_version: str
    overrides: tuple[str, ...]
    first: datetime | None
    last: datetime | None
    evaluated_until: datetime | None
    account: Account


class One(msgspec.Struct, frozen=True):
    """An alert that one side alone raised."""

    id: str
    drug: Concept
    reaction: Concept
    alerted_at: datetime
    rules: tuple[str, ...]


class Both(msgspec.Struct, frozen=True):
    """What both raised. `later_hours`: how much later than in A it alerted in B first, less than 0 where B was sooner.

    `ids_a` and `ids_b` are several where one side saw several episodes in what the other saw as one.
    """

    drug: Concept
    reaction: Concept
    ids_a: tuple[str, ...]
    ids_b: tuple[str, ...]
    alerted_a: datetime
    alerted_b: datetime
    later_hours: float
    rules_a: tuple[str, ...]
    rules_b: tuple[str, ...]


class Comparison(msgspec.Struct, frozen=True):
    """Two results against one another. `differences` says in words what was not the same about how they came to be."""

    a: Side
    b: Side
    differences: tuple[str, ...]
    only_a: tuple[One, ...]
    only_b: tuple[One, ...]
    both: tuple[Both, ...]
    single_only_a: tuple[One, ...]
    single_only_b: tuple[One, ...]
    single_both: int


def compare(name_a: str, a: Result, name_b: str, b: Result) -> Comparison:
    """Hold two results against one another; the names are what people call them."""
    alerts = ({alert.id: alert for alert in a.alerts}, {alert.id: alert for alert in b.alerts})
    spans = _by_pair(a), _by_pair(b)
    near = timedelta(hours=min(a.cool_down_hours, b.cool_down_hours))
    only: tuple[list[One], list[One]] = ([], [])
    both = []
    for pair in sorted(spans[0].keys() | spans[1].keys()):
        for ours, theirs in _together(spans[0].get(pair, ()), spans[1].get(pair, ()), near):
            if ours and theirs:
                both.append(_both(ours, theirs, *alerts))
            else:
                side = 0 if ours else 1
                only[side].extend(_one(alerts[side][span.id], span.alerted_at) for span in ours or theirs)
    singles = tuple({alert.id for alert in one.values() if alert.kind == "single_report"} for one in alerts)
    return Comparison(
        a=_side(name_a, a),
        b=_side(name_b, b),
        differences=tuple(_differences(a, b)),
        only_a=_by_time(only[0]),
        only_b=_by_time(only[1]),
        both=tuple(sorted(both, key=lambda found: (min(found.alerted_a, found.alerted_b), found.ids_a))),
        single_only_a=_by_time(_one(alerts[0][id_], alerts[0][id_].episode) for id_ in singles[0] - singles[1]),
        single_only_b=_by_time(_one(alerts[1][id_], alerts[1][id_].episode) for id_ in singles[1] - singles[0]),
        single_both=len(singles[0] & singles[1]),
    )


def _by_pair(result: Result) -> dict[tuple[str, str], tuple[Span, ...]]:
    return {(story.drug.id, story.reaction.id): story.spans for story in result.stories}


def _together(ours: Iterable[Span], theirs: Iterable[Span], near: timedelta) -> Iterator[tuple[list[Span], list[Span]]]:
    """The episodes of a pair in groups that belong together, each as those of ours and those of theirs."""
    marked = sorted([(span, 0) for span in ours] + [(span, 1) for span in theirs], key=lambda one: one[0].began)
    group: tuple[list[Span], list[Span]] = ([], [])
    until: datetime | None = None
    for span, side in marked:
        if until is not None and span.began > until + near:
            yield group
            group, until = ([], []), None
        group[side].append(span)
        until = span.fired_until if until is None else max(until, span.fired_until)
    if until is not None:
        yield group


def _both(ours: list[Span], theirs: list[Span], a: dict[str, Alert], b: dict[str, Alert]) -> Both:
    first_a, first_b = ours[0].alerted_at, theirs[0].alerted_at
    alert = a[ours[0].id]
    return Both(
        drug=alert.drug,
        reaction=alert.reaction,
        ids_a=tuple(span.id for span in ours),
        ids_b=tuple(span.id for span in theirs),
        alerted_a=first_a,
        alerted_b=first_b,
        later_hours=(first_b - first_a).total_seconds() / 3600,
        rules_a=_rules(a[span.id] for span in ours),
        rules_b=_rules(b[span.id] for span in theirs),
    )


def _rules(alerts: Iterable[Alert]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(rule for alert in alerts for rule in alert.rules))


def _one(alert: Alert, at: datetime) -> One:
    return One(alert.id, alert.drug, alert.reaction, at, alert.rules)


def _by_time(found: Iterable[One]) -> tuple[One, ...]:
    return tuple(sorted(found, key=lambda one: (one.alerted_at, one.id)))


def _side(name: str, result: Result) -> Side:
    return Side(
        name=name,
        source=result.source,
        model_version=result.model_version,
        rule_version=result.rule_version,
        overrides=result.overrides,
        first=result.first,
        last=result.last,
        evaluated_until=result.evaluated_until,
        account=result.account,
    )


def _differences(a: Result, b: Result) -> Iterator[str]:
    """What was not the same, a sentence each."""
    if a.rule_version != b.rule_version:
        yield f"rules: {a.rule_version} in A, {b.rule_version} in B"
        for name, mine, other in (("A", a, b), ("B", b, a)):
            if own := [rule for rule in mine.overrides if rule not in other.overrides]:
                yield f"other than shipped in {name} alone: {', '.join(own)}"
    models = [result.model_version.partition("+drugs.") for result in (a, b)]
    if models[0][0] != models[1][0]:
        yield f"models: {models[0][0]} in A, {models[1][0]} in B"
    if models[0][2] != models[1][2]:
        yield f"drug list: {models[0][2] or 'the shipped one'} in A, {models[1][2] or 'the shipped one'} in B"
    if (a.account.distinct, a.first, a.last) != (b.account.distinct, b.first, b.last):
        yield f"posts: {a.account.distinct} in A, {b.account.distinct} in B; not the same input"
    if a.evaluated_until != b.evaluated_until:
        yield f"evaluated until {_moment(a.evaluated_until)} in A, {_moment(b.evaluated_until)} in B"


def _moment(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M}" if moment else "nothing"
