"""What is wanted of the table of pairs, and the table as a file."""

from __future__ import annotations

import csv
import io
import math
from pathlib import Path

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import QueryParams

from services.dashboard.pairs import PAGE, Query, export, page
from services.dashboard.spans import span
from services.dashboard.view.counted import Counted
from services.dashboard.view.measured import MEASURES
from shared.errors import AdrwatchError
from shared.signals.reports import row_of
from shared.topics import DAY_MS
from tests.unit.alerting.world import LABELS, START, several_days, small_rules
from tests.unit.signals.signal_rows import ledger_of

RULES = small_rules()
END = START + 4 * DAY_MS
SPAN = span({"days": "7"}, END)


@pytest.fixture(scope="module")
def days() -> Counted:
    rows = [found for one in several_days() if (found := row_of(one)) is not None]
    return Counted(ledger_of(rows, rules=RULES), RULES, LABELS)


def test_an_address_holds_what_differs_from_the_usual() -> None:
    assert Query().but(SPAN) == "days=7"
    query = Query.of(QueryParams("drug=ser+tra&least=1&sort=prr&order=asc&page=3&other=x"))
    assert query == Query(drug="ser tra", least=1, sort="prr", order="asc", page=3)
    assert Query.of(QueryParams(query.but(SPAN, page=3))) == query
    # Another order, and other words, begin at the first page.
    assert Query.of(QueryParams(query.sorted_by(SPAN, "prr"))) == Query(drug="ser tra", least=1, sort="prr")
    assert Query.of(QueryParams(query.sorted_by(SPAN, "ebgm"))).page == 1


def test_ticked_measures_are_shown_once_each() -> None:
    assert Query.of(QueryParams("measure=ic&measure=prr&measure=ic")).shown == ["ic", "prr"]
    assert Query.of(QueryParams("show=ebgm,ic")).shown == ["ebgm", "ic"]


@pytest.mark.parametrize(
    ("address", "named"),
    [
        ("least=many", "least cannot be 'many'"),
        ("page=-1", "page cannot be"),
        ("least=" + "9" * 30, "least cannot be"),
        ("order=up", "order cannot be 'up'"),
        ("show=prr,beauty", "no measure beauty"),
        ("measure=beauty", "no measure beauty"),
    ],
)
def test_a_wrong_word_is_named(address: str, named: str) -> None:
    with pytest.raises(AdrwatchError, match=named) as raised:
        Query.of(QueryParams(address))
    assert raised.value.fix


@given(st.dictionaries(st.sampled_from(["drug", "least", "sort", "order", "show", "page"]), st.text(max_size=9)))
def test_any_address_is_a_query_that_its_own_address_gives_again_or_a_mendable_error(words: dict[str, str]) -> None:
    try:
        query = Query.of(QueryParams(words))
    except AdrwatchError:
        return
    assert Query.of(QueryParams(query.but(SPAN, page=query.page))) == query


def test_names_are_found_by_a_part_and_by_id_and_a_page_beyond_the_last_is_the_last(days: Counted) -> None:
    found = days.measured(START, END)
    by_label = page(days, found, Query(drug="DRUG o", least=1))
    assert by_label.total
    assert {row.drug for row in by_label.rows} == {"d1"}
    assert page(days, found, Query(drug="d1", least=1)).rows == by_label.rows
    assert page(days, found, Query(drug="nothing", least=1)).total == 0
    everything = page(days, found, Query(least=1))
    assert everything.total > PAGE
    beyond = page(days, found, Query(least=1, page=99))
    assert beyond.rows == page(days, found, Query(least=1, page=math.ceil(everything.total / PAGE))).rows
    with pytest.raises(AdrwatchError, match="order of beauty"):
        page(days, found, Query(sort="beauty"))


def test_both_files_hold_the_whole_table_in_its_order_and_nothing_where_there_is_no_value(
    days: Counted, tmp_path: Path
) -> None:
    found, query = days.measured(START, END), Query(least=2, sort="tic", order="asc")
    places = found.places(None, None, 2, "tic", False)
    assert len(places) > PAGE
    (tmp_path / "pairs.parquet").write_bytes(export(days, found, query, "parquet"))
    stored = duckdb.sql(f"SELECT * FROM '{tmp_path / 'pairs.parquet'}'")
    typed = [dict(zip(stored.columns, row, strict=True)) for row in stored.fetchall()]
    plain = list(csv.DictReader(io.StringIO(export(days, found, query, "csv").decode())))
    assert len(typed) == len(plain) == len(places)
    empty = 0
    for place, one, words in zip(places.tolist(), typed, plain, strict=True):
        row = found.row(place)
        assert (one["drug_id"], one["drug"]) == (row.drug, days.concept(row.drug).label)
        assert (one["reaction_id"], one["a"], one["authors"]) == (row.reaction, row.table.a, row.authors)
        for name, column in MEASURES.items():
            value = row.measures[name].value
            assert one[column[0]] == value
            assert words[column[0]] == "" if value is None else float(words[column[0]]) == pytest.approx(value)
            empty += value is None
    assert empty
