"""`adrwatch evaluate screen` on posts written here."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from services.cli import build
from tests.unit.corpora.corpus_files import write

HEADER = "tweet_id\tcreated_at\tlabel\ttext\n"
REPORTS = {
    "1": "zoloft keeps me awake",
    "2": "humira made the arm swell",
    "3": "levofloxicin and my heel hurts like mad",
    "4": "that cough sweet made my mouth numb",
    "5": "seit ich ibuprofen nehme kann ich nicht mehr schlafen und mir ist immer so schwindelig",
    "6": "cheap generic lipitor gave him cramps, order now and regret later",
}
QUIET = {
    "7": "lunch was nice",
    "8": "picked up my zoloft today",
    "9": "Buy cheap viagra online, no prescription HTTPURL",
}


def tweets(reports: dict[str, str], quiet: dict[str, str]) -> str:
    rows = [(key, 1, text) for key, text in reports.items()] + [(key, 0, text) for key, text in quiet.items()]
    return HEADER + "".join(f"{key}\t2014-10-01T00:00:00Z\t{label}\t{text}\n" for key, label, text in rows)


def evaluated(*arguments: str) -> list[dict[str, Any]]:
    result = CliRunner().invoke(build(), ["evaluate", "screen", *arguments, "--json"], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def value(report: dict[str, Any], of: str, metric: str) -> float:
    [row] = [row for row in report["rows"] if (row["of"], row["metric"]) == (of, metric)]
    return row["value"]


def test_recall_is_told_of_all_reports_and_of_those_with_a_listed_medicine_and_losses_by_cause(tmp_path: Path) -> None:
    file = write(tmp_path / "posts.tsv", tweets(REPORTS, QUIET))
    report, written = evaluated("--data", str(file), "--format", "en_tweets")
    assert value(report, "reports", "pass") == pytest.approx(2 / 6, abs=1e-3)
    assert value(report, "reports that name a listed medicine", "pass") == 0.5
    assert value(report, "posts without a report", "are stopped") == pytest.approx(2 / 3, abs=1e-3)
    assert {each["kind"]: each["posts"] for each in report["errors"]} == {
        "no medicine found, a word is near a listed name": ["3"],
        "no medicine found, and nothing near one": ["4"],
        "stopped as language": ["5"],
        "stopped as advert": ["6"],
    }
    assert value(written, "posts of people", "pass") == 1.0
    assert not any(text in json.dumps([report, written]) for text in (*REPORTS.values(), *QUIET.values()))


def test_a_folder_of_corpora_is_scored_by_part_and_for_its_languages_by_length(tmp_path: Path) -> None:
    folder = tmp_path / "classification"
    write(folder / "en_tweets" / "splitT_train.tsv.xz", tweets({"1": REPORTS["1"]}, {}))
    write(folder / "en_tweets" / "splitT_dev.tsv", tweets({"2": REPORTS["3"]}, QUIET))
    header = '"tweet_id"\t"user_id"\t"class"\t"tweet"\n'
    long = "depuis que je prends du zoloft je ne dors plus et j'ai tout le temps mal à la tête"
    write(folder / "fr_tweets" / "validation.tsv", f'{header}"1"\t"7"\t"1"\t"{long}"\n"2"\t"7"\t"0"\t"je dors"\n')
    train, dev, _, language = evaluated("--data", str(tmp_path))
    assert (train["data"], value(train, "reports", "pass")) == ("en_tweets train", 1.0)
    assert (dev["data"], value(dev, "reports", "pass")) == ("en_tweets dev", 0.0)
    assert value(language, "fr_tweets, from 30 letters (1 posts)", "foreign, language not stated") == 1.0
    assert value(language, "fr_tweets, from 1 letters (1 posts)", "foreign, language not stated") == 0.0
    assert value(language, "en_tweets, from 30 letters (1 posts)", "foreign, language not stated") == 0.0
