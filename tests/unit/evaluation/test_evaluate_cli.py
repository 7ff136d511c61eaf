"""`adrwatch evaluate` on posts written here and the committed models."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from services.cli import build
from services.evaluation.served import extraction_report
from shared.corpora.readers import AnnotatedPost, Mention
from shared.errors import AdrwatchError
from shared.models.extractor import ExtractorFeatures
from tests.unit.corpora.corpus_files import tweets_of_both_tasks

REPOSITORY = Path(__file__).parents[3] / "triton_models"
TWEETS = """tweet_id\tcreated_at\tlabel\ttext
1\t2026-01-01T00:00:00Z\t1\tcymbalta is giving me the worst night sweats
2\t2026-01-01T00:00:00Z\t0\tpicking up my prozac at the pharmacy later
3\t2026-01-01T00:00:00Z\t1\tday 3 on metforin and i cant stop throwing up
4\t2026-01-01T00:00:00Z\t0\tnew trial of rivaroxaban published today HTTPURL
"""


def evaluate(*arguments: str | Path) -> Any:
    result = CliRunner().invoke(build(), ["evaluate", *map(str, arguments), "--json"], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def rows(report: Any) -> dict[tuple[str, str], float | None]:
    return {(row["of"], row["metric"]): row["value"] for row in report["rows"]}


def annotated(text: str, *words: str, drug: str = "", kind: str = "ADR", **further: str) -> str:
    entities = [
        {"start": text.index(each), "end": text.index(each) + len(each), "type": kind, **further} for each in words
    ]
    return json.dumps({"text": text, "drug": drug, "entities": entities}) + "\n"


def test_classify_reports_scores_and_what_they_were_measured_on(tmp_path: Path) -> None:
    data = tmp_path / "posts.tsv"
    data.write_text(TWEETS)
    save, plots = tmp_path / "out" / "2026.11", tmp_path / "plots"
    [report] = evaluate("classify", "--data", data, "--save", save, "--plots", plots)
    assert report["sizes"]["positive"] == 2
    assert {metric for _, metric in rows(report)} == {
        *("precision", "recall", "f1", "auroc", "average precision", "brier", "expected calibration error")
    }
    assert report["data_hash"]
    assert report["seed"] == 13
    assert sum(posts for *_, posts in report["calibration"]) == 4
    assert report["precision_recall"][-1][2] == 1.0
    assert json.loads((tmp_path / "out" / "2026.11.json").read_text()) == [report]
    text = (tmp_path / "out" / "2026.11.md").read_text()
    assert "| posts | f1 |" in text
    assert "metforin" not in text
    assert len(list(plots.glob("*.svg"))) == 2


def test_classify_reads_an_unseen_file_of_a_named_format(tmp_path: Path) -> None:
    data = tmp_path / "unseen.csv"
    data.write_text("id,text,labels\n1,the vaccine gave me a fever and chills all night,1\n2,got my shot today,0\n")
    [report] = evaluate("classify", "--data", data, "--format", "en_reddit_vaccine")
    assert report["data"] == "unseen.csv"
    assert report["sizes"]["posts"] == 2


def test_extract_scores_only_annotated_types(tmp_path: Path) -> None:
    data = tmp_path / "posts.jsonl"
    data.write_text(annotated("cymbalta gives me these awful night sweats", "night sweats"))
    [report] = evaluate("extract", "--data", data)
    assert {of for of, _ in rows(report)} == {"reaction"}
    assert report["confusion"]["types"] == ["reaction", "none"]


def test_extract_counts_discontinuous_mentions_whole_and_all_types_together(tmp_path: Path) -> None:
    folder = tmp_path / "documents"
    folder.mkdir()
    (folder / "LIPITOR.1.txt").write_text("sore arms and legs since I take Lipitor")
    (folder / "LIPITOR.1.ann").write_text(
        "T1\tADR 0 4;14 18\tsore legs\nT2\tADR 0 9\tsore arms\nT3\tDrug 32 39\tLipitor\n"
    )
    [report] = evaluate("extract", "--data", folder, "--format", "cadec")
    assert report["sizes"]["discontinuous mentions"] == 1
    assert report["sizes"]["all types mentions"] == 3
    found = rows(report)
    assert ("all types", "strict f1") in found
    assert {metric for of, metric in found if of == "discontinuous"} == {
        *("strict precision", "strict recall", "strict f1", "overlapping recall")
    }
    assert sum(map(sum, report["confusion"]["counts"])) >= 3


def test_extraction_scores_agree_with_hand_work() -> None:
    types = frozenset({"reaction", "drug"})
    apart = Mention(0, 18, "reaction", ((0, 4), (14, 18)))
    posts = [
        AnnotatedPost(
            "sore arms and legs on drugol", (apart, Mention(0, 9, "reaction"), Mention(22, 28, "drug")), types
        ),
        # Drugs are not annotated here: what is said of them counts for nothing.
        AnnotatedPost("itchy on drugol", (Mention(0, 5, "reaction"),), frozenset({"reaction"})),
    ]
    found = [
        [Mention(0, 9, "reaction"), Mention(14, 18, "reaction"), Mention(22, 28, "drug")],
        [Mention(9, 15, "drug"), Mention(9, 15, "reaction")],
    ]
    features = ExtractorFeatures.load(REPOSITORY / "adr_ner")
    report = extraction_report(posts, found, ["reaction", "drug"], "own", features.metadata, seed=1, seconds=1.0)
    values = {(row.of, row.metric): row.value for row in report.rows}
    assert values["reaction", "strict precision"] == pytest.approx(1 / 3, abs=1e-4)
    assert values["reaction", "strict recall"] == pytest.approx(1 / 3, abs=1e-4)
    assert values["reaction", "overlapping recall"] == pytest.approx(2 / 3, abs=1e-4)
    assert values["drug", "strict f1"] == 1.0
    assert values["all types", "strict precision"] == 0.5
    assert values["discontinuous", "strict recall"] == 0.0
    assert values["discontinuous", "overlapping recall"] == 1.0
    assert {error.kind: error.posts for error in report.errors} == {
        "reaction missed": ["#2"],
        "reaction too many": ["#2"],
        "reaction with other boundaries": ["#1"],
    }


def test_extract_refuses_a_corpus_of_other_types(tmp_path: Path) -> None:
    data = tmp_path / "weibo.dev"
    data.write_text("北0\tB-GPE.NAM\n京1\tI-GPE.NAM\n")
    with pytest.raises(AdrwatchError, match=r"annotates GPE\.NAM"):
        evaluate("extract", "--data", data, "--format", "weibo_zh")


def test_end_to_end_scores_pairs_of_the_whole_pipeline(tmp_path: Path) -> None:
    data = tmp_path / "posts.jsonl"
    sweats = {"meddra_code": "10029410", "meddra_term": "night sweats"}
    data.write_text(
        annotated("cymbalta is giving me the worst night sweats", "night sweats", drug="cymbalta", **sweats)
        + annotated("picking up my prozac at the pharmacy later", drug="prozac")
        + annotated("new trial of rivaroxaban published today HTTPURL", drug="rivaroxaban")
    )
    [report] = evaluate("end-to-end", "--data", data, "--format", "en_tweets")
    found = rows(report)
    assert found["post", "f1"] == 1.0
    assert found["medicine and reaction span, overlapping", "f1"] == 1.0
    assert found["medicine and reaction concept", "f1"] == 1.0
    assert report["model"] == "adr_classifier+adr_ner"
    assert report["sizes"]["reactions whose concept the vocabulary names"] == 1
    assert report["errors"] == []


def test_end_to_end_tells_by_post_where_the_way_went_wrong(tmp_path: Path) -> None:
    data = tmp_path / "posts.jsonl"
    data.write_text(
        annotated("cymbalta is giving me the worst night sweats", drug="cymbalta")
        + annotated("picking up my prozac at the pharmacy later", "picking", drug="prozac")
        + annotated("cymbalta is giving me the worst night sweats", "night sweats", drug="lipitor")
    )
    [report] = evaluate("end-to-end", "--data", data, "--format", "en_tweets")
    assert {error["kind"]: error["posts"] for error in report["errors"]} == {
        "pairs without a report": ["#1"],
        "report missed: classified negative": ["#2"],
        "reaction found, other medicine": ["#3"],
    }
    assert not any(level.endswith("concept") for level, _ in rows(report)), "no concept is annotated here"


def test_end_to_end_mixes_tweets_of_the_folder_of_all_corpora_and_says_how(tmp_path: Path) -> None:
    tweets_of_both_tasks(tmp_path)
    [report] = evaluate("end-to-end", "--data", tmp_path, "--prevalence", "0.2")
    assert report["data"] == "en_tweets at 20%"
    sizes = report["sizes"]
    assert sizes["posts with a reaction"] / sizes["posts"] == pytest.approx(0.2, abs=0.02)
    assert any("drawn by seed 13" in note for note in report["notes"])
    assert any("training part of the classifier's tweets holds" in note for note in report["notes"])


def test_an_unknown_format_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    data = tmp_path / "posts.tsv"
    data.write_text(TWEETS)
    with pytest.raises(AdrwatchError, match="no format smm4h") as refusal:
        evaluate("classify", "--data", data, "--format", "smm4h")
    assert "en_tweets" in refusal.value.fix
