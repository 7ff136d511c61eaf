"""The commands `adrwatch train` and `adrwatch evaluate`, on posts written here and the committed models."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from services.cli import build
from shared.errors import AdrwatchError

REPOSITORY = Path(__file__).parents[3] / "triton_models"
TWEETS = """tweet_id\tcreated_at\tlabel\ttext
1\t2026-01-01T00:00:00Z\t1\tcymbalta is giving me the worst night sweats
2\t2026-01-01T00:00:00Z\t0\tpicking up my prozac at the pharmacy later
3\t2026-01-01T00:00:00Z\t1\tday 3 on metforin and i cant stop throwing up
4\t2026-01-01T00:00:00Z\t0\tnew trial of rivaroxaban published today HTTPURL
"""


def test_evaluate_classify_reports_scores_and_what_they_were_measured_on(tmp_path: Path) -> None:
    data = tmp_path / "posts.tsv"
    data.write_text(TWEETS)
    arguments = ["evaluate", "classify", "--data", str(data), "--model", str(REPOSITORY / "adr_classifier"), "--json"]
    result = CliRunner().invoke(build(), [*arguments, "--save", str(tmp_path / "out" / "report")])
    assert result.exit_code == 0, result.output
    [report] = json.loads(result.output)
    assert report["sizes"]["positive"] == 2
    assert {row["metric"] for row in report["rows"]} >= {"precision", "recall", "f1", "auroc", "brier"}
    assert report["data_hash"]
    assert report["seed"] == 13
    assert json.loads((tmp_path / "out" / "report.json").read_text()) == [report]
    text = (tmp_path / "out" / "report.md").read_text()
    assert "| posts | f1 |" in text
    assert "metforin" not in text


def test_evaluate_extract_scores_only_annotated_types(tmp_path: Path) -> None:
    data = tmp_path / "posts.jsonl"
    entities = [{"start": 30, "end": 42, "type": "ADR"}]
    data.write_text(json.dumps({"text": "cymbalta gives me these awful night sweats", "entities": entities}) + "\n")
    arguments = ["evaluate", "extract", "--data", str(data), "--model", str(REPOSITORY / "adr_ner"), "--json"]
    result = CliRunner().invoke(build(), arguments)
    assert result.exit_code == 0, result.output
    [report] = json.loads(result.output)
    assert {row["of"] for row in report["rows"]} == {"reaction", "indication"}


def test_training_without_torch_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.delitem(sys.modules, "services.training.export", raising=False)
    result = CliRunner().invoke(build(), ["train", "export", str(tmp_path / "a.pt"), "--version", "1"])
    assert isinstance(result.exception, AdrwatchError)
    assert "adrwatch[train]" in result.exception.fix


def test_an_unknown_level_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.training.cli._with_torch", lambda module: None)
    result = CliRunner().invoke(build(), ["train", "classify", "--data", str(tmp_path), "--without", "words"])
    assert isinstance(result.exception, AdrwatchError)
    assert "no level words" in str(result.exception)
