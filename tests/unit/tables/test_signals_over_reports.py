"""`adrwatch signals changes`, `together` and `groups`, on reports that we made with one thing to find in each."""

from __future__ import annotations

import csv
import json
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from services.cli import build
from shared.errors import AdrwatchError
from tests.csv_files import write

FIRST = date(2025, 1, 1)
DAYS = 140


def adrwatch(*arguments):
    done = CliRunner().invoke(build(), ["signals", *map(str, arguments)])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done


def lines(*arguments) -> list[dict]:
    return [json.loads(line) for line in adrwatch(*arguments, "--json").stdout.splitlines()]


@pytest.fixture(scope="module")
def dated(tmp_path_factory) -> Path:
    """A year of chance, in which x always gives rashes, and y begins to give coughs in the last two weeks; Mondays are busy."""
    generator = np.random.default_rng(11)
    rows = []
    for day in range(DAYS):
        busy = 3 if (FIRST + timedelta(days=day)).weekday() == 0 else 1
        for i in range(20 * busy):
            drug = generator.choice(["x", "y", "z"])
            odds = [0.25] * 4
            if drug == "x":
                odds = [0.7, 0.1, 0.1, 0.1]
            if drug == "y" and day >= DAYS - 14:
                odds = [0.1, 0.7, 0.1, 0.1]
            reaction = generator.choice(["rash", "cough", "pain", "itch"], p=odds)
            rows.append((f"{day}-{i}", drug, reaction, (FIRST + timedelta(days=day)).isoformat()))
    return write(tmp_path_factory.mktemp("dated") / "reports.csv", "report,drug,reaction,date", rows)


def test_what_has_changed_stands_out_and_what_was_always_so_does_not(dated):
    # At one level in a hundred: chance alone takes one pair in twenty for changed at the usual one.
    options = ("--window", 14, "--control", 112, "--alpha", 0.01)
    found = {(row["drug"], row["reaction"]): row for row in lines("changes", dated, *options)}
    assert max(found, key=lambda pair: found[pair]["tic025"]) == ("y", "cough")
    new, old = found["y", "cough"], found["x", "rash"]
    assert new["tic025"] > 0
    assert new["max_llr"] > new["critical"]
    assert old["tic025"] < 0 < old["tic975"]
    assert old["max_llr"] < old["critical"]
    # x gives rashes in both windows: that is a disproportion, and no change.
    assert old["a"] > old["expected"] * 1.5


def test_counts_of_both_windows_are_those_of_the_file(dated):
    found = {(row["drug"], row["reaction"]): row for row in lines("changes", dated, "--window", 14, "--control", 28)}
    rows = list(csv.DictReader(dated.open(encoding="utf-8")))
    change, start = (str(FIRST + timedelta(days=DAYS - days)) for days in (14, 42))
    mine = [row["date"] for row in rows if (row["drug"], row["reaction"]) == ("y", "cough")]
    assert found["y", "cough"]["a"] == sum(day >= change for day in mine)
    assert found["y", "cough"]["control_a"] == sum(start <= day < change for day in mine)
    assert found["y", "cough"]["newest_day"] == mine.count(max(row["date"] for row in rows))


def test_a_surge_is_found_and_a_busy_weekday_is_none(tmp_path):
    rows = []
    for day in range(60):
        today = FIRST + timedelta(days=day)
        usual = 9 if today.weekday() == 0 else 3
        for pair, number in (
            (("x", "rash"), usual),
            (("y", "itch"), usual + (20 if day == 59 else 0)),
            (("z", "pain"), usual),
        ):
            rows += [(f"{day}{pair}{i}", *pair, today) for i in range(number)]
    file = write(tmp_path / "r.csv", "report,drug,reaction,date", rows)
    until_monday = lines("changes", file, "--until", FIRST + timedelta(days=54), "--window", 7, "--control", 47)
    assert (FIRST + timedelta(days=54)).weekday() == 0
    assert {row["newest_day"] for row in until_monday} == {9}
    assert min(row["surge_fdr"] for row in until_monday) > 0.05
    surged = {row["drug"]: row["surge_fdr"] for row in lines("changes", file, "--window", 7, "--control", 52)}
    assert surged["y"] < 0.001
    assert min(surged["x"], surged["z"]) > 0.05


def test_a_pair_that_the_past_lacks_has_no_sequential_test_but_a_temporal_ic(tmp_path):
    rows = [(f"{day}-{i}", "x", "rash", FIRST + timedelta(days=day)) for day in range(20) for i in range(5)]
    rows += [(f"{day}-y{i}", "y", "pain", FIRST + timedelta(days=day)) for day in range(20) for i in range(3)]
    rows += [(f"n{i}", "x", "pain", FIRST + timedelta(days=19)) for i in range(4)]
    found = {
        (row["drug"], row["reaction"]): row
        for row in lines(
            "changes", write(tmp_path / "r.csv", "report,drug,reaction,date", rows), "--window", 5, "--control", 15
        )
    }
    assert found["x", "pain"]["max_llr"] is None
    assert found["x", "pain"]["control_a"] == 0
    assert found["x", "pain"]["tic025"] > 0


def test_days_that_the_file_does_not_have_are_told(dated):
    done = adrwatch("changes", dated, "--window", 14)
    assert "against the 126 days before it" in done.stderr
    assert "the reports begin on 2025-01-01: control window of 126 days, not 364" in done.stderr
    later = adrwatch("changes", dated, "--window", 14, "--control", 28, "--until", "2025-05-22")
    assert "begin" not in later.stderr
    assert "the reports end on 2025-05-20: later days count as days without reports" in later.stderr


def test_a_day_may_be_written_without_hyphens(dated):
    short, long = (adrwatch("changes", dated, "--until", day, "--window", 7) for day in ("20250401", "2025-04-01"))
    assert short.stdout == long.stdout
    assert "window 2025-03-26 to 2025-04-01" in short.stderr


def test_one_rare_pair_does_not_take_the_others_results(tmp_path):
    rows = [(f"{day}-{i}", "x", "rash", FIRST + timedelta(days=day)) for day in range(371) for i in range(2)]
    rows += [("old", "y", "itch", FIRST), ("new", "y", "itch", FIRST + timedelta(days=370))]
    file = write(tmp_path / "r.csv", "report,drug,reaction,date", rows)
    found = {row["drug"]: row for row in lines("changes", file, "--window", 7)}
    # The one report of y in the window is rarer than one in twenty, and still not enough.
    assert found["y"]["max_llr"] < found["y"]["critical"]
    found = {row["drug"]: row for row in lines("changes", file, "--window", 7, "--least", 1)}
    assert found["y"]["max_llr"] >= found["y"]["critical"]
    assert found["x"]["max_llr"] < found["x"]["critical"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--until", "2030-01-01"), "no report falls into the window"),
        (("--until", "2025-01-10", "--window", "10"), "begin 0 days before the window"),
        (("--until", "2024-12-31"), "no report falls into the window"),
        (("--until", "soon"), "is no day"),
        (("--alpha", "2"), "is no level"),
        (("--alpha", "1e-9", "--window", "14"), "is no level"),
        (("--alpha", "nan"), "is no level"),
        (("--window", "999999999"), "begin 0 days before the window"),
        (("--columns", "date=day"), "has no column day"),
    ],
)
def test_windows_that_cannot_be_are_refused(dated, arguments, message):
    with pytest.raises(AdrwatchError, match=message):
        adrwatch("changes", dated, *arguments)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([("1", "x", "rash", "yesterday")], "line 2 has 'yesterday' where a date"),
        ([("1", "x", "rash", "2025-01-01"), ("1", "x", "itch", "2025-01-02")], "line 3 gives its report a second"),
    ],
)
def test_dates_that_cannot_be_are_named_with_their_line(tmp_path, rows, message):
    with pytest.raises(AdrwatchError, match=message):
        adrwatch("changes", write(tmp_path / "r.csv", "report,drug,reaction,date", rows))


@pytest.fixture
def joined(tmp_path) -> Path:
    """Reports in which v and w give bleeding only together; u gives it by itself as well."""
    rows = []

    def add(number: int, drugs: str, reaction: str) -> None:
        for _ in range(number):
            rows.extend((len(rows) // 7, drug, reaction) for drug in drugs)
            # Rows of one report share its number; the next one begins a new number.
            while len(rows) % 7:
                rows.append(rows[-1])

    for drugs, bleeding, other in (
        ("v", 2, 198),
        ("w", 2, 198),
        ("vw", 20, 20),
        ("u", 60, 140),
        ("uv", 12, 28),
        ("z", 4, 396),
    ):
        add(bleeding, drugs, "bleeding")
        add(other, drugs, "cough")
    return write(tmp_path / "joined.csv", "report,drug,reaction", rows)


def test_an_interaction_is_told_from_the_effect_of_one_drug(joined):
    found = {(row["drug"], row["other_drug"], row["reaction"]): row for row in lines("together", joined)}
    interacting, additive = (
        found["v", "w", "bleeding"],
        found[next(k for k in found if "u" in k and k[2] == "bleeding")],
    )
    assert interacting["omega025"] > 0
    assert additive["omega025"] < 0
    assert (interacting["n"], interacting["both"], interacting["confidence"]) == (20, 40, 0.5)
    total, bleeding = 1080, 2 + 2 + 20 + 60 + 12 + 4
    assert interacting["support"] == pytest.approx(20 / total)
    assert interacting["lift"] == pytest.approx(0.5 / (bleeding / total))


def test_reports_of_one_drug_each_have_no_interactions(tmp_path):
    file = write(tmp_path / "r.csv", "report,drug,reaction", [("1", "x", "rash"), ("2", "y", "rash")])
    done = adrwatch("together", file)
    assert done.exit_code == 0
    assert "no two drugs and a reaction have 3 reports" in done.stderr


def test_reports_with_very_many_drugs_are_counted_and_left_out(tmp_path):
    rows = [("big", f"d{i}", "rash") for i in range(21)]
    rows += [(f"r{i}", drug, "rash") for i in range(3) for drug in ("x", "y")] + [("o", "z", "itch")]
    done = adrwatch("together", write(tmp_path / "r.csv", "report,drug,reaction", rows), "--json")
    assert [json.loads(line)["drug"] for line in done.stdout.splitlines()] == ["x"]
    assert "1 reports name over 20 drugs" in done.stderr


def test_drugs_with_the_same_reactions_are_one_group(tmp_path):
    generator = np.random.default_rng(2)
    profiles = {
        ("brand", "generic"): [0.5, 0.3, 0.1, 0.1, 0.0, 0.0],
        ("one", "other"): [0.0, 0.0, 0.1, 0.1, 0.4, 0.4],
        ("alone",): [0.0, 0.1, 0.7, 0.2, 0.0, 0.0],
    }
    reactions = ["rash", "itch", "pain", "cough", "tremor", "nausea"]
    rows = [
        (f"{drug}{i}", drug, generator.choice(reactions, p=odds))
        for drugs, odds in profiles.items()
        for drug in drugs
        for i in range(150)
    ]
    rows += [("few", "rare", "rash")]
    file = write(tmp_path / "r.csv", "report,drug,reaction", rows)
    found = lines("groups", file)
    assert sorted(tuple(group["drugs"]) for group in found) == [("brand", "generic"), ("one", "other")]
    shared = {tuple(group["drugs"]): set(group["shared"]) for group in found}
    assert shared["brand", "generic"] == {"rash", "itch"}
    assert "brand, generic" in adrwatch("groups", file).stdout


def test_counts_are_no_reports(tmp_path):
    file = write(tmp_path / "c.csv", "drug,reaction,a,b,c,d", [("x", "rash", 1, 2, 3, 4)])
    with pytest.raises(AdrwatchError, match="holds counts, and this needs reports"):
        adrwatch("together", file)
    with pytest.raises(AdrwatchError, match="no column report"):
        adrwatch("changes", file)


def test_a_plan_has_its_critical_value():
    done = adrwatch("critical", 10, "--least", 4)
    # Kulldorff et al. 2011: 2.921562.
    assert float(done.stdout) == pytest.approx(2.921562, abs=1.1e-6)
    [told] = lines("critical", 20, "--alpha", 0.05)
    assert told["critical"] == pytest.approx(3.628123, abs=1e-6)
    with pytest.raises(AdrwatchError, match="no critical value for T = 0"):
        adrwatch("critical", 0)
    with pytest.raises(AdrwatchError, match="never as likely"):
        adrwatch("critical", 0.5, "--least", 10)
