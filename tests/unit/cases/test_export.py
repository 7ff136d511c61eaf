"""Which cases may leave adrwatch: those that both the terms of their source and the settings allow."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from services.cases.export import barred
from shared.cases.model import Case
from shared.events import Concept, Terms
from shared.settings import load

REFUSED = "it comes from x, whose terms do not allow case exports"


def case(source: str, terms: Terms | None) -> Case:
    return Case(
        id="1", opened_at=datetime(2026, 6, 1, tzinfo=UTC), opened_by="r", drug=Concept("DB:1", "d"),
        reaction=Concept("HP:1", "r"), source=source, terms=terms,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("terms", "named", "reason"),
    [
        (None, "", None),
        (None, "reddit,x", REFUSED),
        (Terms(), "", None),
        (Terms(aggregates_only=True), "x", REFUSED),
        (Terms(case_export=False), "", REFUSED),
    ],
)
def test_a_case_leaves_only_where_both_its_terms_and_the_settings_allow_it(
    terms: Terms | None, named: str, reason: str | None
) -> None:
    settings = load().model_copy(update={"no_case_export": named})
    assert barred(settings, [case("x", terms)]).get("1") == reason


@pytest.mark.parametrize("terms", [None, Terms()])
def test_a_case_whose_source_nobody_knows_stays_where_the_settings_bar_any(terms: Terms | None) -> None:
    settings = load().model_copy(update={"no_case_export": "x"})
    assert "nobody knows its source" in barred(settings, [case("", terms)])["1"]
