"""Training from beginning to end on posts that we wrote: adapt, extract, classify, resume, export. Needs the extra `train`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from typer.testing import CliRunner, Result

from services.cli import build
from services.training import loop
from shared.errors import AdrwatchError
from tests.training_runs.corpora import collection, encoder


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return collection(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return encoder(tmp_path_factory.mktemp("encoder") / "bert")


def run(*words: object) -> Result:
    return CliRunner().invoke(build(), [str(word) for word in words], catch_exceptions=False)


def eager(folder: Path) -> Path:
    """Options for an encoder that knows nothing yet: it has to learn faster than one that was trained before."""
    path = folder / "eager.toml"
    path.write_text("rate = 20\npatience = 50\n")
    return path


def checkpoint(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = torch.load(path, weights_only=False)
    return found


@pytest.fixture(scope="module")
def extractor(data: Path, small: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("extractor")
    out = folder / "extractor.pt"
    words = ("--data", data, "--encoder", small, "--out", out, "--epochs", 12, "--config", eager(folder))
    result = run("train", "extract", *words)
    assert result.exit_code == 0, result.output
    return out


def test_an_encoder_is_adapted_and_taken_by_the_next_run(data: Path, small: Path, tmp_path: Path) -> None:
    out = tmp_path / "adapted"
    result = run("train", "adapt", "--data", data, "--encoder", small, "--out", out, "--epochs", 2)
    assert result.exit_code == 0, result.output
    assert "held-out loss" in result.output
    classified = tmp_path / "classifier.pt"
    result = run("train", "classify", "--data", data, "--encoder", out, "--out", classified, "--epochs", 1)
    assert result.exit_code == 0, result.output
    assert set(checkpoint(classified)["policies"]) == {"balanced", "recall", "precision"}


def test_the_extractor_learns_what_the_corpora_mark(extractor: Path) -> None:
    assert checkpoint(extractor)["score"] > 0.5
    assert not list(extractor.parent.glob("*.resume"))


def test_the_classifier_begins_with_the_extractor_and_is_exported_with_it(
    data: Path, small: Path, extractor: Path, tmp_path: Path
) -> None:
    out, repository = tmp_path / "classifier.pt", tmp_path / "models"
    words = ("--data", data, "--encoder", small, "--start", extractor, "--out", out, "--epochs", 6)
    result = run("train", "classify", *words, "--config", eager(tmp_path))
    assert result.exit_code == 0, result.output
    assert checkpoint(out)["score"] > 0.8
    result = run("models", "export", out, extractor, "--version", "1.0", "--repository", repository)
    assert result.exit_code == 0, result.output
    result = run("models", "verify", "--repository", repository, "--json")
    assert result.exit_code == 0, result.output
    assert not any(check["wrong"] for check in json.loads(result.output)["checks"])


def test_a_run_that_was_stopped_goes_on_and_ends_as_if_it_had_not_been(
    data: Path, small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("train", "classify", "--data", data, "--encoder", small, "--epochs", 3)
    whole, parted = tmp_path / "whole.pt", tmp_path / "parted.pt"
    assert run(*words, "--out", whole).exit_code == 0
    judged = loop.Optimiser.averaged
    seen = []

    def stop(optimiser: loop.Optimiser) -> Any:
        seen.append(1)
        if len(seen) == 2:
            raise KeyboardInterrupt
        return judged(optimiser)

    with monkeypatch.context() as patched:
        patched.setattr(loop.Optimiser, "averaged", stop)
        assert run(*words, "--out", parted).exit_code != 0
    result = run(*words, "--out", parted)
    assert "goes on with epoch 1" in result.output
    one, other = checkpoint(whole), checkpoint(parted)
    assert one["score"] == pytest.approx(other["score"], abs=0.02)
    assert one["options"] == other["options"]


def test_a_run_does_not_go_on_with_other_options(data: Path, small: Path, tmp_path: Path) -> None:
    out = tmp_path / "classifier.pt"
    torch.save({"options": {}, "epoch": 0, "best": {}, "optimiser": {}}, tmp_path / "classifier.pt.resume")
    with pytest.raises(AdrwatchError, match="other options"):
        run("train", "classify", "--data", data, "--encoder", small, "--out", out, "--epochs", 1)


def test_the_ablation_prints_a_table_and_makes_nothing_twice(data: Path, small: Path, tmp_path: Path) -> None:
    folder = tmp_path / "ablation"
    words = ("train", "ablate", "--data", data, "--encoder", small, "--epochs", 1, "--folder", folder, "--seeds", "1,2")
    first = run(*words, "--variants", "CNN", "--variants", "all three levels")
    assert first.exit_code == 0, first.output
    assert "| CNN | 2 |" in first.stdout
    assert len(list(folder.glob("*.json"))) == 4
    again = run(*words, "--variants", "CNN", "--variants", "all three levels")
    assert again.stdout == first.stdout
    assert "epoch" not in again.stderr
