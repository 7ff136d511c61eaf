"""`adrwatch evaluate` on posts written here and the committed models."""

from __future__ import annotations

import json
from pathlib import Path

from typer.testing import CliRunner

from services.cli import build

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
