"""`adrwatch evaluate coreference`, and what the rules reached on our own posts."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from services.cli import build
from services.evaluation.attribution import counts, rules, rules_by_name
from services.evaluation.coreference_posts import FILE, read_clusters
from shared.coreference_scores import CorefScores, scores
from shared.errors import AdrwatchError
from shared.scores import total

POSTS = read_clusters(FILE)
TEXT = "On drugol and testamol. The second one gave me hives"
POST: dict[str, Any] = {
    "id": "1",
    "text": TEXT,
    "drugs": [[3, 9], [14, 22]],
    "clusters": [[[14, 22], [24, 38]]],
    "reactions": [[47, 52]],
    "pairs": [[1, 0]],
}


def run(*arguments: str) -> str:
    result = CliRunner().invoke(build(), ["evaluate", "coreference", *arguments])
    assert result.exit_code == 0, result.output
    return result.output


def written(folder: Path, *posts: dict[str, Any]) -> str:
    file = folder / "clusters.jsonl"
    file.write_text("".join(json.dumps(post) + "\n" for post in posts))
    return str(file)


def test_the_resolver_is_scored_where_the_file_predicts_nothing(tmp_path: Path) -> None:
    (report,) = json.loads(run(written(tmp_path, POST), "--json"))
    values = {(row["of"], row["metric"]): row["value"] for row in report["rows"]}
    assert (
        values["MUC", "f1"] == values["B³", "recall"] == values["CEAFe", "precision"] == values["CoNLL", "mean F1"] == 1
    )
    pairs = {(row["of"], row["metric"]): row["value"] for row in report["pairs"]}
    assert pairs["rules", "precision"] == 1
    assert pairs["rules, by names alone", "precision"] == 0.5
    assert report["by"] == "the resolver"


def test_predicted_clusters_of_the_file_are_scored_and_no_word_of_a_post_is_shown(tmp_path: Path) -> None:
    saved = tmp_path / "report"
    wrong = {**POST, "predicted": [[[3, 9], [24, 38]]], "reactions": [], "pairs": []}
    shown = run(written(tmp_path, {**POST, "predicted": POST["clusters"]}, wrong), "--save", str(saved))
    assert "| MUC | f1 | 0.500 |" in shown
    assert "Clusters of the file" in shown
    assert "drugol" not in shown + saved.with_suffix(".json").read_text()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"clusters": [[[14, 22], [24, 38]], [[14, 22], [3, 9]]]}, "clusters: a mention stands in two clusters"),
        ({"predicted": [[[0, 2]], [[0, 2]]]}, "predicted: a mention stands in two"),
        ({"clusters": [[[14, 999]]]}, "a span lies outside"),
        ({"pairs": [[2, 0]]}, "a pair names a drug"),
        ({"surprise": 1}, "surprise"),
    ],
)
def test_a_broken_line_is_refused_with_its_number(tmp_path: Path, change: dict[str, Any], reason: str) -> None:
    with pytest.raises(AdrwatchError, match=f"line 2: .*{reason}"):
        read_clusters(Path(written(tmp_path, POST, {**POST, **change})))


def test_files_that_cannot_be_scored_are_refused(tmp_path: Path) -> None:
    with pytest.raises(AdrwatchError, match="no file of posts"):
        read_clusters(tmp_path / "absent.jsonl")
    with pytest.raises(AdrwatchError, match="holds no post"):
        read_clusters(Path(written(tmp_path)))
    with pytest.raises(AdrwatchError, match="some have none"):
        read_clusters(Path(written(tmp_path, POST, {**POST, "predicted": []})))


def test_our_own_posts_are_of_one_form_and_both_halves_of_one_size() -> None:
    assert len(POSTS) >= 60
    assert len({post.id for post in POSTS}) == len({post.text for post in POSTS}) == len(POSTS)
    halves = Counter(post.part for post in POSTS)
    assert halves["development"] == halves["held-out"]
    for post in POSTS:
        places = [*post.drugs, *post.reactions, *(place for cluster in post.clusters for place in cluster)]
        assert all(post.text[start:end] == post.text[start:end].strip() != "" for start, end in places), post.id
        assert all(len(cluster) > 1 and set(cluster) & set(post.drugs) for cluster in post.clusters), post.id


@pytest.mark.parametrize("part", ["development", "held-out"])
def test_what_the_rules_reached_on_our_own_posts_is_kept(part: str) -> None:
    posts = [post for post in POSTS if post.part == part]
    assert sum((scores(post.clusters, post.found) for post in posts), CorefScores()).conll >= 0.93
    texts = [post.related for post in posts if post.reactions]
    followed, by_name = (total([counts(text, system) for text in texts]).f1 for system in (rules, rules_by_name))
    assert followed >= 0.92
    assert followed - by_name >= 0.18
