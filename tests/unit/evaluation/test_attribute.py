"""`adrwatch evaluate attribute` on texts written here."""

from __future__ import annotations

import json
import lzma
from pathlib import Path

import pytest
from typer.testing import CliRunner

from services.cli import build
from services.evaluation.attribution import annotated, choices, counts, everything, nearest, rules, same_sentence
from services.evaluation.statements import FILE
from shared.corpora.relations import RelatedText
from shared.errors import AdrwatchError
from shared.events import Span

TEXT = "Drugol gave me hives. I also take testamol, fine so far."


def related() -> RelatedText:
    drugs = tuple((TEXT.index(name), TEXT.index(name) + len(name)) for name in ("Drugol", "testamol"))
    hives = (TEXT.index("hives"), TEXT.index("hives") + 5)
    return RelatedText(TEXT, drugs, (hives,), frozenset({(drugs[0], hives)}))


def test_baselines_pair_by_distance_by_sentence_and_all() -> None:
    text = related()
    assert nearest(text) == [(text.drugs[0], text.reactions[0])]
    assert same_sentence(text) == [(text.drugs[0], text.reactions[0])]
    assert len(everything(text)) == 2
    assert rules(text) == [(text.drugs[0], text.reactions[0])]
    assert choices(text)


def test_a_medicine_named_twice_counts_once_and_a_wrong_pair_costs_precision() -> None:
    text = related()
    all_pairs = counts(text, everything)
    assert (all_pairs.hits, all_pairs.predicted, all_pairs.gold) == (1, 2, 1)
    twice = "drugol, Drugol: hives"
    same = RelatedText(twice, ((0, 6), (8, 14)), ((16, 21),), frozenset({((0, 6), (16, 21))}))
    assert counts(same, everything).predicted == 1
    assert not choices(same)


def test_a_widened_reaction_is_the_annotated_one_that_ends_with_it() -> None:
    assert annotated([(6, 11), (20, 25)], Span(0, 11)) == (6, 11)
    assert annotated([(6, 11)], Span(7, 12)) is None


def run(*arguments: str) -> list[dict[str, object]]:
    result = CliRunner().invoke(build(), ["evaluate", "attribute", *arguments, "--json"])
    assert result.exit_code == 0, result.output
    return json.loads(result.output)


def test_posts_are_reported_in_sections_without_their_words(tmp_path: Path) -> None:
    some = tmp_path / "posts.jsonl"
    lines = FILE.read_text(encoding="utf-8").splitlines()
    some.write_text("\n".join(lines[:8]) + "\n", encoding="utf-8")
    saved = tmp_path / "report"
    (report,) = run("--data", str(some), "--part", "development", "--save", str(saved))
    assert report["part"] == "development"
    titles = [section["title"] for section in report["sections"]]
    assert titles[:2] == ["Pairs", "What is asserted"]
    assert "Serious and designated events" in titles
    systems = {row["of"] for row in report["sections"][0]["rows"]}
    assert systems >= {"rules", "nearest medicine", "all pairs of a sentence", "all pairs"}
    assert json.loads(lines[0])["text"] not in saved.with_suffix(".md").read_text()


def test_a_corpus_gives_a_report_for_each_half_and_the_same_hash_each_time(tmp_path: Path) -> None:
    lines = [f"{number}|Drugol-{number:02} gave hives.|hives|15|20|Drugol|0|6" for number in range(12)]
    (tmp_path / "DRUG-AE.rel.xz").write_bytes(lzma.compress("\n".join(lines).encode()))
    (tmp_path / "DRUG-DOSE.rel").write_text("")
    arguments = ("--format", "ade_corpus_v2", "--data", str(tmp_path))
    first, second = run(*arguments), run(*arguments)
    assert [report["part"] for report in first] == ["development", "held-out"]
    assert sum(report["sizes"]["texts"] for report in first) == 12
    assert [report["data_hash"] for report in first] == [report["data_hash"] for report in second]


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--format", "twimed_pubmed"], "needs --data"),
        (["--format", "ade_corpus_v2", "--data", "x", "--with-models"], "--format posts only"),
        (["--format", "ade_corpus_v2", "--data", "absent"], "no corpus file"),
    ],
)
def test_bad_arguments_name_the_fix(arguments: list[str], reason: str) -> None:
    result = CliRunner().invoke(build(), ["evaluate", "attribute", *arguments])
    assert isinstance(result.exception, AdrwatchError)
    assert reason in str(result.exception)
