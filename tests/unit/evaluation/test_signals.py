"""`adrwatch evaluate signals` on reports that we made: what is known comes out, by measure, by rule and in time."""

from __future__ import annotations

import json
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from services.cli import build
from services.evaluation.controls import by_outcome, read_controls, read_terms
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


def run(*arguments) -> str:
    done = CliRunner().invoke(build(), ["evaluate", "signals", *map(str, arguments), "--json"])
    if done.exception is not None:
        raise done.exception
    return done.stdout


def scored(*arguments) -> dict:
    return json.loads(run(*arguments))[0]


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


def test_sources_together_may_know_what_none_knows(tmp_path):
    few = {("Zoloft", "Shaking"): 3, ("Zoloft", "Itch"): 27, ("ibuprofen", "Shaking"): 17, ("ibuprofen", "Itch"): 953}
    listed = [pair for pair, number in few.items() for _ in range(number)]
    one = write(tmp_path / "1.csv", "ID,drug,reaction", [(i, *pair) for i, pair in enumerate(listed)])
    other = write(tmp_path / "2.csv", "report,drug,reaction", [(i, *pair) for i, pair in enumerate(listed)])
    reference = write(tmp_path / "reference.csv", HEADER, [("sertraline", "Tremor", 1), ("ibuprofen", "Itch", 0)])
    terms = write(tmp_path / "terms.csv", "outcome,reaction", [("Tremor", "shaking"), ("Itch", "itch")])
    done = CliRunner().invoke(
        build(),
        ["evaluate", "signals", str(one), "--beside", str(other), "--columns", "report=ID", "--reference", str(reference),
         "--terms", str(terms), "--json"],
    )  # fmt: skip
    assert done.exit_code == 0, done.output or done.exception
    found = json.loads(done.stdout)
    assert [each["data"] for each in found] == ["1.csv", "2.csv", "1.csv and 2.csv"]
    assert [each["sizes"]["reports"] for each in found] == [1000, 1000, 2000]
    scores = [{(row["of"], row["metric"]): row["value"] for row in each["rows"]} for each in found]
    assert [each["ic025", "sensitivity"] for each in scores] == [0.0, 0.0, 1.0]
    assert [each["ic025", "specificity"] for each in scores] == [1.0, 1.0, 1.0]
    # What is over one table of all reports is not said of several sources.
    assert ("evans", "sensitivity") in scores[0]
    assert not {of for of, _ in scores[2]} & {"evans", "ror", "prr", "q", "chi2"}


def test_reports_with_dates_tell_when_each_rule_would_have_known(files):
    reports, reference, terms = files
    found = scored(reports, "--reference", reference, "--terms", terms, "--columns", "date=date")
    rows = {(row["of"], row["metric"]): row["value"] for row in found["rows"]}
    assert rows["ic025", "positive controls found by some month"] == 2
    # Ibuprofen is known after the first month, sertraline after the third at the earliest.
    assert 50 <= rows["ic025", "median days from first report to detection"] <= 100


def sizes(reports, terms, controls) -> dict:
    reference = write(reports.parent / "other.csv", HEADER, controls)
    return scored(reports, "--reference", reference, "--terms", terms)["sizes"]


def test_two_names_of_one_ingredient_are_both_found(files):
    reports, _, terms = files
    controls = [("Zoloft", "Tremor set", 1), ("sertraline", "Haemorrhage", 0), ("Advil", "Haemorrhage", 1)]
    found = sizes(reports, terms, [*controls, ("ibuprofen", "Tremor set", 0)])
    assert (found["of these reported"], found["of those reported"]) == (2, 2)


def test_outcomes_match_whatever_their_case_and_spaces(files):
    reports, _, _ = files
    terms = write(
        reports.parent / "loud.csv", "outcome,reaction", [("TREMOR  set", "Shaking"), ("haemorrhage", "BLEEDING")]
    )
    found = sizes(
        reports, terms, [("sertraline", "tremor SET", 1), ("ibuprofen", "Haemorrhage", 1), ("aspirin", "Tremor set", 0)]
    )
    assert (found["of these reported"], found["of those reported"]) == (2, 1)


def test_an_outcome_that_no_reaction_counts_as_is_left_out_by_name(files):
    reports, _, terms = files
    controls = [
        ("sertraline", "Tremor set", 1), ("aspirin", "Haemorrhage", 0), ("aspirin", "Gout flare", 0),
        ("insulin", "gout  FLARE", 0), ("insulin", "Cough", 0),
    ]  # fmt: skip
    reference = write(reports.parent / "other.csv", HEADER, controls)
    found = scored(reports, "--reference", reference, "--terms", terms)
    assert found["left_out"] == {"gout flare": 2}
    # The file itself has coughs, so that these need no terms.
    assert (found["sizes"]["negative controls"], found["sizes"]["of those reported"]) == (2, 2)
    command = ["evaluate", "signals", str(reports), "--reference", str(reference), "--terms", str(terms)]
    done = CliRunner().invoke(build(), command)
    assert "Left out, for no reaction counts as their outcome: 2 controls (gout flare 2)." in done.stdout


def test_where_no_control_is_left_the_terms_are_asked_for(files):
    reports, reference, _ = files
    with pytest.raises(AdrwatchError, match=r"no positive or no negative control has an outcome .*haemorrhage"):
        run(reports, "--reference", reference)


def test_a_pair_that_is_both_positive_and_negative_is_refused_whatever_its_name(tmp_path):
    path = write(
        tmp_path / "r.csv", HEADER, [("Zoloft", "Tremor", 1), ("aspirin", "Tremor", 0), ("sertraline", "tremor", 0)]
    )
    with pytest.raises(AdrwatchError, match="line 4: line 2 says the opposite of sertraline and tremor"):
        read_controls(path, default_lexicon())


def test_a_pair_that_comes_twice_counts_once(tmp_path):
    path = write(
        tmp_path / "r.csv", HEADER, [("Zoloft", "Tremor", 1), ("aspirin", "Tremor", 0), ("sertraline", "tremor", 1)]
    )
    assert len(read_controls(path, default_lexicon())) == 2


def test_a_reaction_that_counts_as_two_outcomes_is_refused(tmp_path):
    path = write(tmp_path / "t.csv", "outcome,reaction", [("Liver", "jaundice"), ("Blood", "Jaundice")])
    with pytest.raises(AdrwatchError, match="line 3: jaundice counts as liver already"):
        read_terms(path)


def test_brand_and_ingredient_are_one_drug_and_the_terms_of_an_outcome_one_reaction(tmp_path):
    reports = Reports(
        ["Zoloft", "sertraline", "other"], ["shaking", "Tremor", "cough"],
        np.array([0, 1, 2, 2]), np.array([0, 1, 2, 2]), np.array([0, 1, 2, 0]),
    )  # fmt: skip
    path = write(tmp_path / "r.csv", HEADER, [("sertraline", "Tremor", 1), ("other", "Tremor", 0)])
    lexicon = default_lexicon()
    controls = read_controls(path, lexicon)
    pairs = count(by_outcome(reports, controls, {"shaking": "tremor"}, lexicon))
    place = [pairs.drugs[d] for d in pairs.drug].index(controls[0].drug)
    assert (pairs.reactions[pairs.reaction[place]], pairs.a[place], pairs.b[place]) == ("tremor", 2, 0)


def test_the_shipped_outcomes_are_those_of_the_eu_adr_set():
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
        read_controls(path, default_lexicon())


def test_a_reference_set_that_is_not_there_is_named(tmp_path):
    with pytest.raises(AdrwatchError, match=r"absent\.csv cannot be read"):
        read_controls(tmp_path / "absent.csv", default_lexicon())
