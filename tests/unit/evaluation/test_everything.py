"""`adrwatch evaluate all` on corpora written here and the committed models."""

from __future__ import annotations

import json
from pathlib import Path

from typer.testing import CliRunner

from services.cli import build
from tests.unit.corpora.corpus_files import tarred, tweets_of_both_tasks, write

NOTES = "T1\tDrug 0 6\tDrugol\nT2\tDisease_Symptom 14 19\thives\nR1\tOutcome-negative Arg1:T1 Arg2:T2\n"


def test_every_task_gets_a_report_and_its_curves_and_none_names_a_post(tmp_path: Path) -> None:
    data, out = tmp_path / "data", tmp_path / "report"
    tweets_of_both_tasks(data)
    files = {f"gold/{name}.{kind}": text for name in "abcdef" for kind, text in _twimed(name)}
    twimed = data / "ner" / "twimed_pubmed" / "pubmed_1000_brat.tar.xz"
    twimed.parent.mkdir(parents=True)
    tarred(twimed, files)
    lines = [f"{number}|Drugol-{number:02} gave hives.|hives|15|20|Drugol|0|6" for number in range(12)]
    write(data / "ner" / "ade_corpus_v2" / "DRUG-AE.rel", "\n".join(lines))
    write(data / "ner" / "ade_corpus_v2" / "DRUG-DOSE.rel", "")

    result = CliRunner().invoke(
        build(), ["evaluate", "all", "--data", str(data), "--out", str(out)], catch_exceptions=False
    )
    assert result.exit_code == 0, result.output
    reports = {path.stem: json.loads(path.read_text()) for path in out.glob("*.json")}
    assert set(reports) == {"screen", "classify", "extract", "end-to-end", "attribute"}
    assert {path.stem for path in out.glob("*.md")} == set(reports)
    assert [report["data"] for report in reports["classify"]] == ["en_tweets dev", "en_psytar_sentences dev"]
    assert len(reports["attribute"]) == 6
    assert len(list((out / "plots").glob("*.svg"))) >= 4
    # The loud tweet, id 300, is missed: it is counted as an error, and not named.
    [tweets, _] = reports["classify"]
    assert sum(each["count"] for each in tweets["errors"]) >= 1
    assert all(
        each["posts"] == []
        for report in (*reports["screen"], *reports["classify"], *reports["extract"])
        for each in report["errors"]
    )
    assert "hives" not in "".join(path.read_text() for path in out.glob("*.md"))


def _twimed(name: str) -> list[tuple[str, str]]:
    return [("txt", f"Drugol caused hives in case {name}."), ("ann", NOTES)]
