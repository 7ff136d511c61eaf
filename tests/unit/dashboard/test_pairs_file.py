"""The table of pairs as a file, with names that others wrote."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import duckdb

from services.dashboard.pairs import Query, export
from services.dashboard.view.counted import Counted
from shared.signals.reports import row_of
from shared.topics import DAY_MS
from tests.unit.alerting.world import LABELS, START, several_days, small_rules
from tests.unit.signals.signal_rows import ledger_of

RULES = small_rules()
END = START + 4 * DAY_MS


def test_no_name_is_a_formula_to_a_spreadsheet_and_other_programs_get_it_as_it_is(tmp_path: Path) -> None:
    rows = [row for one in several_days() if (row := row_of(one)) is not None]
    label = "=HYPERLINK(1)"
    counted = Counted(ledger_of(rows, rules=RULES), RULES, {**LABELS, "d1": label})
    found, query = counted.measured(START, END), Query(drug="d1", least=1)
    written = list(csv.DictReader(io.StringIO(export(counted, found, query, "csv").decode())))
    assert {(one["drug"], one["drug_id"]) for one in written} == {(f"'{label}", "d1")}
    (tmp_path / "pairs.parquet").write_bytes(export(counted, found, query, "parquet"))
    stored = duckdb.read_parquet(str(tmp_path / "pairs.parquet"))
    assert stored.project("drug").distinct().fetchall() == [(label,)]
