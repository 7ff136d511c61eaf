"""Reports: what they are stamped with, samples of errors by id, plots."""

from __future__ import annotations

import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from services.evaluation import plots
from services.evaluation.reports import SAMPLE, Confusion, Errors, Report, Row, sampled
from shared.errors import AdrwatchError
from shared.models.metadata import Metadata


def metadata(name: str) -> Metadata:
    return Metadata(
        name=name, version="1", digest="abc", parser="p", buckets=(8,), overlap=2, word_characters=4, labels=()
    )


def report(**further: object) -> Report:
    rows = [Row("posts", "precision", 0.5, [0.25, 0.75]), Row("posts", "recall", float("nan"), None)]
    models = (metadata("first"), metadata("second"))
    return Report.of("task", "posts.tsv", ["text"], models, 13, 2.0, {"posts": 1, "threshold": 0.3}, rows, **further)


def test_a_report_is_stamped_with_all_that_identifies_its_run() -> None:
    made = report()
    assert (made.model, made.model_version, made.feature_digest) == ("first+second", "1+1", "abc+abc")
    assert made.posts_per_second == 0.5
    assert made.seed == 13
    assert {"python", "numpy", "onnxruntime"} <= set(made.versions)
    assert made.rows[1].value is None
    assert report().data_hash == made.data_hash
    assert "| posts | precision | 0.500 | 0.250 to 0.750 |" in made.markdown()
    assert "| posts | recall | undefined |  |" in made.markdown()


def test_markdown_shows_notes_confusion_and_errors() -> None:
    text = report(
        notes=["Mixed by hand."],
        confusion=Confusion(["drug", "none"], [[3, 1], [2, 0]]),
        errors=[Errors("drug missed", 1, ["t7"])],
    ).markdown()
    assert "Mixed by hand." in text
    assert "| drug | 3 | 1 |" in text
    assert "| drug missed | 1 | t7 |" in text


def test_errors_are_named_by_id_or_by_position_and_large_kinds_are_sampled() -> None:
    ids = ["a", "", *(str(number) for number in range(2, 200))]
    errors = sampled([("missed", 0), ("missed", 1), ("missed", 1), *(("many", n) for n in range(2, 200))], ids, seed=1)
    many, missed = errors
    assert (missed.count, missed.posts) == (3, ["a", "#2"])
    assert (many.count, len(many.posts)) == (198, SAMPLE)
    assert many == sampled([("many", n) for n in range(2, 200)], ids, seed=1)[0]


def test_plots_are_svg_and_the_same_for_the_same_report(tmp_path: Path) -> None:
    made = report(
        precision_recall=[(0.9, 1.0, 0.5), (0.1, 0.5, 1.0)],
        calibration=[(0.1, 0.2, 5), (0.9, 0.8, 3)],
        confusion=Confusion(["drug", "none"], [[3, 1], [2, 0]]),
    )
    first, again = (plots.draw(made, tmp_path / name) for name in ("first", "again"))
    assert [path.name for path in first] == [
        "task-posts.tsv-precision-recall.svg",
        "task-posts.tsv-reliability.svg",
        "task-posts.tsv-confusion.svg",
    ]
    for one, other in zip(first, again, strict=True):
        assert ElementTree.parse(one).getroot().tag == "{http://www.w3.org/2000/svg}svg"
        assert one.read_bytes() == other.read_bytes()


def test_a_report_without_curves_draws_nothing(tmp_path: Path) -> None:
    assert plots.draw(report(), tmp_path) == []


def test_without_matplotlib_the_fix_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(AdrwatchError, match="matplotlib") as refusal:
        plots.draw(report(), tmp_path)
    assert "adrwatch[plots]" in refusal.value.fix
