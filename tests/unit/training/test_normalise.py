"""A normaliser learned from a few coded phrases of ours: trained, written, read without scikit-learn, scored, used."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from services.cli import build
from shared.corpora.phrases import HoldOut, PhraseFormat, phrase_hash, read_phrases, split
from shared.errors import AdrwatchError
from shared.events import Concept
from shared.settings import load
from shared.vocabulary.normaliser import ReactionNormaliser
from shared.vocabulary.reactions import default_vocabulary
from shared.vocabulary.trained import DESCRIPTION, WEIGHTS, TrainedNormaliser
from tests.unit.vocabulary.dictionary import written

SAID = {
    "90000031": ["queasy", "so queasy", "tummy flips", "tummy flipping over", "sick to my tummy", "tummy turns"],
    "90000032": [
        "awake all night",
        "wide awake",
        "still awake at four",
        "awake again",
        "counting sheep",
        "sheep counting",
    ],
    "90000033": [
        "moon itch",
        "itchy like the moon",
        "lunar itching",
        "my moons itch",
        "itch of the moon",
        "moonly itchy",
    ],
}
ENDINGS = ("", " today", " again", " since monday", " ugh", " right now")
CONFIG = "seed = 7\nfolds = 3\ncosts = [1.0]\naccuracy = 0.8\n"


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("phrases") / "train.tsv"
    rows = [f"{code}\t{phrase}{end}" for code, said in SAID.items() for phrase in said for end in ENDINGS]
    file.write_text("\n".join(rows) + "\n")
    file.with_name("config.toml").write_text(CONFIG)
    return file


def command(*arguments: str) -> str:
    result = CliRunner().invoke(build(), list(arguments))
    if result.exception is not None:
        raise result.exception
    return result.stdout


@pytest.fixture(scope="module")
def folder(data: Path) -> Path:
    out = data.with_name("model")
    command(
        "train", "normalise", "--data", str(data), "--out", str(out), "--config", str(data.with_name("config.toml"))
    )
    return out


@pytest.fixture
def trained(folder: Path) -> TrainedNormaliser:
    return TrainedNormaliser.load(folder, default_vocabulary())


def test_a_phrase_that_was_never_seen_gets_its_concept_with_a_probability(trained: TrainedNormaliser) -> None:
    first, *others = trained.candidates("tummy flipped")
    assert (first.concept.id, first.source) == ("MedDRA:90000031", "trained")
    assert len(others) == 2
    assert sum(one.score for one in (first, *others)) == pytest.approx(1.0)
    assert trained.candidates("Ωμέγα") == []


def test_held_out_phrases_are_not_learned_from(data: Path, trained: TrainedNormaliser) -> None:
    rest, held_out = split(read_phrases(data, PhraseFormat.SMM4H2017), HoldOut.PHRASES)
    assert held_out
    assert (trained.description.rows, trained.description.held_out) == (len(rest), "phrases")


def test_the_same_data_and_seed_give_the_same_bytes(data: Path, folder: Path, tmp_path: Path) -> None:
    config = str(data.with_name("config.toml"))
    command("train", "normalise", "--data", str(data), "--out", str(tmp_path), "--config", config)
    for name in (DESCRIPTION, WEIGHTS):
        assert (tmp_path / name).read_bytes() == (folder / name).read_bytes()


def test_the_files_hold_no_words_of_the_corpus_and_no_pickle(folder: Path) -> None:
    assert {path.name for path in folder.iterdir()} == {DESCRIPTION, WEIGHTS}
    with np.load(folder / WEIGHTS, allow_pickle=False) as file:
        assert {array.dtype.kind for array in file.values()} == {"f", "u"}
    assert b"tummy" not in (folder / DESCRIPTION).read_bytes()


def test_reading_it_needs_no_scikit_learn(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn", None)
    assert TrainedNormaliser.load(folder, default_vocabulary()).candidates("moon itching")


def test_evaluation_scores_the_held_out_part_only(data: Path, folder: Path) -> None:
    [report] = json.loads(command("evaluate", "normalise", "--data", str(data), "--model", str(folder), "--json"))
    _, held_out = split(read_phrases(data, PhraseFormat.SMM4H2017), HoldOut.PHRASES)
    assert (report["rows_scored"], report["part"], report["seen"]) == (len(held_out), "held out: phrases", 0.0)
    assert report["phrases"] == len({phrase_hash(pair.phrase) for pair in held_out})
    scores = {(row["of"], row["metric"]): row for row in report["rows"]}
    for of in ("rows", "unique phrases"):
        value = scores[of, "accuracy@1"]
        assert value["interval"][0] <= value["value"] <= value["interval"][1]
        assert scores[of, "accuracy@5"]["value"] == 1.0
        assert 0 <= scores[of, "coverage"]["value"] <= 1
    assert scores["rows", "accuracy@1"]["value"] > 0.8


def test_evaluation_refuses_what_was_learned_and_scores_all_of_other_data(data: Path, tmp_path: Path) -> None:
    config, out = str(data.with_name("config.toml")), str(tmp_path / "all")
    command("train", "normalise", "--data", str(data), "--out", out, "--config", config, "--hold-out", "none")
    with pytest.raises(AdrwatchError, match="trained on all of these rows"):
        command("evaluate", "normalise", "--data", str(data), "--model", out)
    (tmp_path / "other.tsv").write_text("90000031\ttummy flips\n90000031\twide awake\n90000099\tmoon itch\n")
    text = command("evaluate", "normalise", "--data", str(tmp_path / "other.tsv"), "--model", out)
    assert "| rows | accuracy@1 | 0.333 |" in text
    assert "all rows of other data" in text
    assert "tummy" not in text


def test_in_use_its_concepts_come_from_the_dictionary_in_force(folder: Path, tmp_path: Path) -> None:
    normaliser = ReactionNormaliser.load(load(meddra_folder=written(tmp_path), normaliser=folder))
    match = normaliser.match("moonly itchy feeling ugh")
    assert match.concept == Concept("MedDRA:90000033", "Moon itch", version="90.1")
    assert match.how == "trained"
    # A name of the dictionary is what it says, whatever was learned.
    assert normaliser.match("queasy wobble").how == "phrase"
    assert "trained" in {one.source for one in normaliser.candidates("tummy flips")}


def test_concepts_of_another_vocabulary_are_refused_with_the_way_out(folder: Path) -> None:
    with pytest.raises(AdrwatchError, match="has 0 of the trained normaliser's 3 concepts") as caught:
        ReactionNormaliser.load(load(normaliser=folder))
    assert "ADRWATCH_MEDDRA_FOLDER" in caught.value.fix


def test_a_model_of_another_vocabulary_or_a_damaged_one_is_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(AdrwatchError, match="no trained normaliser in"):
        TrainedNormaliser.load(tmp_path, default_vocabulary())
    description = json.loads((folder / DESCRIPTION).read_text())
    (tmp_path / WEIGHTS).write_bytes((folder / WEIGHTS).read_bytes())
    (tmp_path / DESCRIPTION).write_text(json.dumps(description | {"vocabulary": "of yesterday"}))
    with pytest.raises(AdrwatchError, match="trained with vocabulary of yesterday"):
        TrainedNormaliser.load(tmp_path, default_vocabulary())
    (tmp_path / WEIGHTS).write_bytes(b"PK\x03\x04 cut off")
    with pytest.raises(AdrwatchError, match="damaged"):
        TrainedNormaliser.load(tmp_path, default_vocabulary())


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[groups]\nletters = 1.0\n", "no group letters"),
        ("folds = 1\n", "two folds"),
        ("costs = 'many'\n", "no training configuration"),
        ("= broken", "no training configuration"),
    ],
)
def test_a_wrong_configuration_is_named(data: Path, tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "config.toml").write_text(text)
    arguments = ["--data", str(data), "--out", str(tmp_path / "out"), "--config", str(tmp_path / "config.toml")]
    with pytest.raises(AdrwatchError, match=said):
        command("train", "normalise", *arguments)


def test_training_without_scikit_learn_says_what_to_install(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.svm", None)
    monkeypatch.delitem(sys.modules, "services.training.normalise", raising=False)
    with pytest.raises(AdrwatchError, match="training needs sklearn") as caught:
        command("train", "normalise", "--data", str(data), "--out", str(data.with_name("none")))
    assert "adrwatch[train]" in caught.value.fix
