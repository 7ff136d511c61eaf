"""`adrwatch evaluate signals` on reports that we made: what is known comes out, by measure, by rule and in time."""

from __future__ import annotations

import json
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from services.cli import build
from services.evaluation.controls import Control, by_outcome, read_controls
from shared.errors import AdrwatchError
from shared.signals.counts import Reports, count
from shared.vocabulary.drugs import default_lexicon
from tests.csv_files import write

HEADER = "exposureName,outcomeName,groundTruth"


@pytest.fixture
def files(tmp_path) -> tuple[Path, Path, Path]:
    """Sertraline (as Zoloft) causes tremor from the third month on, ibuprofen bleeding always; the others cause neither."""
    generator = np.random.default_rng(4)
    rows = []
    for day in range(150):
        for i in range(8):
            drug = generator.choice(["Zoloft", "ibuprofen", "aspirin", "insulin", "unknown stuff"])
            odds = [0.1, 0.1, 0.4, 0.4]
            if drug == "Zoloft" and day >= 60:
                odds = [0.5, 0.1, 0.2, 0.2]
            if drug == "ibuprofen":
                odds = [0.1, 0.5, 0.2, 0.2]
            reaction = generator.choice(["Shaking", "Bleeding", "Cough", "Itch"], p=odds)
            rows.append((f"{day}-{i}", drug, reaction, date(2025, 1, 1) + timedelta(days=day)))
    controls = [
        ("sertraline", "Tremor  set", 1), ("ibuprofen", "Haemorrhage", 1), ("nobody's drug", "Haemorrhage", 1),
        ("aspirin", "Tremor set", 0), ("aspirin", "Haemorrhage", 0), ("insulin", "Haemorrhage", 0),
    ]  # fmt: skip
    return (
        write(tmp_path / "reports.csv", "report,drug,reaction,date", rows),
        write(tmp_path / "reference.csv", HEADER, controls),
        write(tmp_path / "terms.csv", "outcome,reaction", [("Tremor set", "shaking"), ("Haemorrhage", "bleeding")]),
    )


def scored(*arguments) -> dict:
    done = CliRunner().invoke(build(), ["evaluate", "signals", *map(str, arguments), "--json"])
    assert done.exit_code == 0, done.output or done.exception
    return json.loads(done.stdout)[0]


def test_known_reactions_are_told_from_the_others(files):
    reports, reference, terms = files
    found = scored(reports, "--reference", reference, "--terms", terms)
    rows = {(row["of"], row["metric"]): row["value"] for row in found["rows"]}
    assert found["sizes"] == {
        "reports": 1200, "positive controls": 3, "of these reported": 2, "negative controls": 3, "of those reported": 3,
    }  # fmt: skip
    # The two that are reported are above all negatives; the one that nobody reported is below.
    assert rows["ic", "AUROC"] == pytest.approx(2 / 3, abs=1e-4)
    assert rows["ic", "AUROC, reported controls"] == 1.0
    assert rows["evans", "sensitivity"] == pytest.approx(2 / 3, abs=1e-4)
    assert rows["evans", "specificity"] == 1.0
    assert rows["evans", "PPV"] == 1.0


def test_reports_with_dates_tell_when_each_rule_would_have_known(files):
    reports, reference, terms = files
    found = scored(reports, "--reference", reference, "--terms", terms, "--columns", "date=date")
    rows = {(row["of"], row["metric"]): row["value"] for row in found["rows"]}
    assert rows["ic025", "positive controls found by some month"] == 2
    # Ibuprofen is known after the first month, sertraline after the third at the earliest.
    assert 50 <= rows["ic025", "median days from first report to detection"] <= 100


def test_brand_and_ingredient_are_one_drug_and_the_terms_of_an_outcome_one_reaction():
    reports = Reports(
        ["Zoloft", "sertraline", "other"], ["shaking", "Tremor", "cough"],
        np.array([0, 1, 2, 2]), np.array([0, 1, 2, 2]), np.array([0, 1, 2, 0]),
    )  # fmt: skip
    controls = [Control("sertraline", "Tremor", True), Control("other", "Tremor", False)]
    pairs = count(by_outcome(reports, controls, {"shaking": "Tremor"}, default_lexicon()))
    place = [pairs.drugs[d] for d in pairs.drug].index("sertraline")
    assert (pairs.reactions[pairs.reaction[place]], pairs.a[place], pairs.b[place]) == ("Tremor", 2, 0)


def test_the_shipped_outcomes_are_those_of_the_eu_adr_set():
    from services.evaluation.controls import read_terms
    from services.evaluation.signals_report import TERMS

    assert set(read_terms(TERMS)) >= {"neutropenia", "rhabdomyolysis", "myocardial infarction"}
    assert len(set(read_terms(TERMS).values())) == 10


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("exposureName,outcomeName\nx,y\n", "no column groundTruth"),
        (HEADER + "\nx,y,2\n", "line 2: no control"),
        (HEADER + "\nx,,1\n", "line 2: no control"),
        (HEADER + "\nx\n", "line 2: too few fields"),
        (HEADER + "\nx,y,1\n", "no positive or no negative"),
    ],
)
def test_a_reference_set_that_cannot_be_is_refused(tmp_path, text, message):
    path = tmp_path / "reference.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(AdrwatchError, match=message):
        read_controls(path)


def test_a_reference_set_that_is_not_there_is_named(tmp_path):
    with pytest.raises(AdrwatchError, match=r"absent\.csv cannot be read"):
        read_controls(tmp_path / "absent.csv")
