"""The list of alerts: what is wanted of it, in which order, a page at a time."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.dashboard.triage import PAGE, SORTS, Line, Ordered, Query, chosen, paged
from services.dashboard.view.serious import NONE, Tally
from shared.cases.model import Case
from shared.cases.review import review_of
from shared.errors import AdrwatchError
from shared.events import Alert, Concept, Measure, Table

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def line(name: str = "one", drug: str = "sertraline", **changes: Any) -> Line:
    alert = Alert(
        id=name, kind="disproportionality", drug=Concept("DB:1", drug), reaction=Concept("HP:1", "Insomnia"),
        episode=NOON, evaluated_at=NOON, rules=("evans",), rule_version="1", examples=(), table=Table(5, 4, 3, 99), authors=5,
        measures=changes.pop("measures", {}), lane=changes.pop("lane", "signal"),
    )  # fmt: skip
    return Line(
        alert,
        changes.pop("since", NOON),
        changes.pop("dossier", None),
        changes.pop("listed", None),
        changes.pop("posts", NONE),
    )


def names(lines: list[Line]) -> list[str]:
    return [one.alert.id for one in lines]


def test_search_looks_into_names_without_case_and_knows_ids() -> None:
    lines = [line("a", "Sertraline"), line("b", "metformin")]
    assert names(chosen(Ordered(lines), Query(q="SERTRA"), "me")) == ["a"]
    assert names(chosen(Ordered(lines), Query(q="insom"), "me")) == ["a", "b"]
    assert names(chosen(Ordered(lines), Query(q="b"), "me")) == ["b"]


def test_mine_nobody_s_and_somebody_s_are_told_apart() -> None:
    mine, other = (
        line(name, dossier=review_with(name, assignee)) for name, assignee in (("a", "me myself"), ("b", "you"))
    )
    lines = [mine, other, line("c")]
    assert names(chosen(Ordered(lines), Query(assignee="me"), "me myself")) == ["a"]
    assert names(chosen(Ordered(lines), Query(assignee="nobody"), "me myself")) == ["c"]
    assert names(chosen(Ordered(lines), Query(assignee="you"), "me myself")) == ["b"]


def review_with(name: str, assignee: str | None, state: str = "new") -> Any:
    return msgspec.structs.replace(review_of(line(name).alert, NOON, "me"), assignee=assignee, state=state)


def test_open_are_all_that_are_not_closed() -> None:
    lines = [
        line("a"),
        line("b", dossier=review_with("b", None, "closed")),
        line("c", dossier=review_with("c", None, "triaged")),
    ]
    assert names(chosen(Ordered(lines), Query(state="open"), "me")) == ["a", "c"]
    assert names(chosen(Ordered(lines), Query(state="closed"), "me")) == ["b"]


@pytest.mark.parametrize("order", ["asc", "desc"])
def test_those_without_the_measure_stand_last_in_both_orders(order: str) -> None:
    lines = [
        line("none"), line("absent", measures={"ebgm": Measure(None)}), line("low", measures={"ebgm": Measure(3.0, 1.0, 9.0)}),
        line("high", measures={"ebgm": Measure(2.5, 2.0, 3.0)}),
    ]  # fmt: skip
    found = names(chosen(Ordered(lines), Query(sort="ebgm", order=order), "me"))
    assert found[:2] == (["low", "high"] if order == "asc" else ["high", "low"])
    assert set(found[2:]) == {"none", "absent"}


def test_the_earliest_deadline_is_the_first_that_is_due() -> None:
    def case(name: str, days: int) -> Line:
        met = dict.fromkeys(("reporter", "patient", "product", "reaction"), "met")
        there = Case(
            id=name, opened_at=NOON, opened_by="me", drug=Concept("DB:1", "x"), reaction=Concept("HP:1", "y"), criteria=met,
            seriousness={"death": "confirmed"}, awareness=(NOON + timedelta(days=days)).date(),
        )  # fmt: skip
        return line(name, dossier=there)

    assert names(chosen(Ordered([case("late", 5), line("none"), case("soon", 1)]), Query(sort="due"), "me")) == [
        "soon",
        "late",
        "none",
    ]


def test_what_a_person_confirmed_comes_before_what_many_posts_suggest_and_that_before_what_was_rejected() -> None:
    def case(name: str, **seriousness: Any) -> Line:
        there = Case(
            id=name, opened_at=NOON, opened_by="me", drug=Concept("DB:1", "x"), reaction=Concept("HP:1", "y"),
            seriousness=seriousness,
        )  # fmt: skip
        return line(name, dossier=there)

    lines = [
        line("nothing"), line("one", posts=Tally(1, {"death": 1})), line("many", posts=Tally(7, {"disability": 5, "death": 3})),
        case("no", death="rejected"), case("yes", death="rejected", disability="confirmed"), case("unjudged"),
        case("suggested", death="rejected", hospitalisation="suggested"),
    ]  # fmt: skip
    ordered = ["yes", "many", "one", "suggested", "unjudged", "no", "nothing"]
    assert names(chosen(Ordered(lines), Query(sort="serious"), "me")) == ordered
    assert names(chosen(Ordered(lines), Query(serious="any", sort="serious"), "me")) == ordered[:4]
    assert names(chosen(Ordered(lines), Query(serious="confirmed"), "me")) == ["yes"]
    assert {one.alert.id: one.criteria for one in lines if one.criteria} == {
        "one": ("death",), "many": ("disability", "death"), "yes": ("disability",), "suggested": ("hospitalisation",),
    }  # fmt: skip


@given(st.lists(st.integers(0, 400), max_size=6), st.integers(-3, 20))
def test_pages_hold_every_line_once_and_a_page_that_is_not_there_is_the_nearest(parts: list[int], page: int) -> None:
    lines = [line(str(number)) for number in range(sum(parts) % 173)]
    _, pages = paged(lines, Query())
    together = [one for number in range(1, pages + 1) for one in paged(lines, Query(page=number))[0]]
    assert names(together) == names(lines)
    assert len(paged(lines, Query(page=page))[0]) == min(PAGE, len(lines) - (min(max(1, page), pages) - 1) * PAGE)


def test_an_address_says_what_differs_and_another_order_begins_at_the_first_page() -> None:
    query = Query.of({"q": " sert ", "page": "3", "sort": "ic", "unknown": "x"})
    assert parse_qs(query.but(page=4)) == {"q": ["sert"], "sort": ["ic"], "page": ["4"]}
    assert parse_qs(query.sorted_by("ic")) == {"q": ["sert"], "sort": ["ic"], "order": ["asc"]}
    assert parse_qs(query.sorted_by("prr")) == {"q": ["sert"], "sort": ["prr"]}
    assert Query.of({}).but() == ""


@pytest.mark.parametrize(
    ("given", "named"),
    [({"page": "-1"}, "page"), ({"page": "٣"}, "page"), ({"sort": "x"}, "sort"), ({"lane": "fast"}, "lane"),
     ({"serious": "very"}, "serious"),
     ({"reports": "1e9"}, "reports")],
)  # fmt: skip
def test_a_word_that_is_none_is_named(given: dict[str, str], named: str) -> None:
    with pytest.raises(AdrwatchError, match=f"^{named} cannot be"):
        Query.of(given)


def test_every_column_sorts_a_line_of_which_little_is_known() -> None:
    for sort in SORTS:
        assert names(chosen(Ordered([line(since=None)]), Query(sort=sort), "me")) == ["one"]


_CHANGES = st.dictionaries(
    st.sampled_from("abcdefgh"), st.one_of(st.none(), st.sampled_from([0.5, 1.0, 2.0, math.nan]))
)


@given(begin=_CHANGES, steps=st.lists(_CHANGES, max_size=4))
def test_orders_that_are_carried_on_are_those_that_are_made_anew(
    begin: dict[str, float | None], steps: list[dict[str, float | None]]
) -> None:
    def made(name: str, value: float | None) -> Line:
        known = {} if value is None else {"ebgm": Measure(value, value, value)}
        return line(name, "ab"[ord(name) % 2], measures=known)

    orders = [(sort, order) for sort in ("ebgm", "drug") for order in ("asc", "desc")]
    lines = {name: made(name, value) for name, value in begin.items()}
    ordered = Ordered(lines.values())
    for step in steps:
        for sort, order in orders:
            ordered.by(sort, order)
        # Every other change without a value takes the alert away.
        gone = {name for name, value in step.items() if value is None and ord(name) % 2}
        new = {name: made(name, value) for name, value in step.items() if name not in gone}
        lines = {name: one for name, one in (lines | new).items() if name not in gone}
        ordered = ordered.but(gone, new.values())
        anew = Ordered(lines.values())
        assert len(ordered) == len(lines)
        for sort, order in orders:
            assert names(ordered.by(sort, order)) == names(anew.by(sort, order))
            assert all(one is lines[one.alert.id] for one in ordered.by(sort, order))
