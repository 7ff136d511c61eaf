"""Training from beginning to end on posts that we wrote: adapt, extract, classify, resume, export. Needs the extra `train`."""

from __future__ import annotations

import json
import random
import re
from itertools import pairwise, product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from typer.testing import CliRunner, Result

from services.cli import build
from services.training import loop
from services.training.crf import CrfExtractor
from services.training.scoring import taught_tags
from services.training.train_extractor import balanced, blended
from shared.corpora.readers import AnnotatedPost, Mention
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
    words = ("--data", data, "--repository", repository, "--number", 1, "--version", "1.0.1", "--json")
    result = run("train", "calibrate", *words)
    assert result.exit_code == 0, result.output
    fitted = json.loads(result.output)["policies"]
    assert fitted["recall"] <= fitted["balanced"] <= fitted["precision"]
    metadata = json.loads((repository / "adr_classifier" / "1" / "metadata.json").read_text())
    assert (metadata["version"], metadata["policies"]) == ("1.0.1", fitted)
    assert run("models", "verify", "--repository", repository).exit_code == 0
    with pytest.raises(AdrwatchError, match="version 1 is active"):
        run("models", "export", out, "--version", "1.1", "--number", 1, "--repository", repository)


def test_rates_that_are_too_high_end_the_run_and_are_named(data: Path, small: Path, tmp_path: Path) -> None:
    config = tmp_path / "wild.toml"
    config.write_text("rate = 1e30\n")
    words = ("--data", data, "--encoder", small, "--out", tmp_path / "out.pt", "--config", config)
    with pytest.raises(AdrwatchError, match="no number") as refusal:
        run("train", "classify", *words)
    assert "rate" in refusal.value.fix


@pytest.fixture(scope="module")
def teacher(data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Extractor and classifier of another architecture than those that learn from them."""
    folder = tmp_path_factory.mktemp("teacher")
    large, config = encoder(folder / "mpnet", "mpnet"), eager(folder)
    for task, epochs in (("extract", 12), ("classify", 6)):
        words = ("--data", data, "--encoder", large, "--out", folder / f"{task}.pt", "--epochs", epochs)
        result = run("train", task, *words, "--config", config)
        assert result.exit_code == 0, result.output
    return folder / "extract.pt", folder / "classify.pt"


def test_a_small_model_learns_from_a_larger_one_and_from_posts_without_labels(
    data: Path, small: Path, teacher: tuple[Path, Path], tmp_path: Path
) -> None:
    for task, knows, epochs in zip(("extract", "classify"), teacher, (12, 6), strict=True):
        out = tmp_path / f"{task}.pt"
        words = ("--data", data, "--encoder", small, "--out", out, "--epochs", epochs, "--config", eager(tmp_path))
        result = run("train", task, *words, "--teacher", knows, "--unlabelled", 30)
        assert result.exit_code == 0, result.output
        assert checkpoint(knows)["encoder_config"]["model_type"] == "mpnet"
        assert checkpoint(out)["encoder_config"]["model_type"] == "bert"
        assert checkpoint(out)["options"]["teacher"] == str(knows)
        assert checkpoint(out)["score"] > 0.5


def test_a_classifier_that_hears_its_teacher_alone_says_what_the_teacher_says(
    data: Path, small: Path, teacher: tuple[Path, Path], tmp_path: Path
) -> None:
    """The teacher is wrong on purpose: labels and teacher disagree, and the share decides whom the pupil believes."""
    wrong = checkpoint(teacher[1])
    wrong["state"] = {name: -value if name.startswith("head.1") else value for name, value in wrong["state"].items()}
    wrong["temperature"], wrong["bias"] = 1.0, 0.0
    torch.save(wrong, tmp_path / "wrong.pt")
    for share, least, most in ((1.0, 0.0, 0.55), (0.0, 0.8, 1.0)):
        config = tmp_path / "share.toml"
        config.write_text(f"rate = 20\npatience = 50\nteacher_share = {share}\n")
        out = tmp_path / f"{share}.pt"
        words = ("--data", data, "--encoder", small, "--out", out, "--epochs", 4, "--config", config)
        result = run("train", "classify", *words, "--teacher", tmp_path / "wrong.pt")
        assert result.exit_code == 0, result.output
        # The last epoch: the best is kept, and of a pupil that is misled that is the one in which it has heard least.
        *_, heard = re.findall(r"held-out ([\d.]+)", result.output)
        assert least <= float(heard) <= most, share


def test_a_teacher_tells_of_the_words_that_begin_where_its_own_do(teacher: tuple[Path, Path]) -> None:
    """Of the pieces at 0, 1 and 4, the second begins in the midst of a word."""
    [tags] = taught_tags(teacher[0], ["day 3 on prozac"], ("reaction", "drug"), [np.array([0, 1, 4])])
    assert tags.shape == (3, 2, 3)
    assert tags.sum(axis=2).round(2).tolist() == [[1, 1], [0, 0], [1, 1]]


def test_a_teacher_of_another_task_is_refused(
    data: Path, small: Path, teacher: tuple[Path, Path], tmp_path: Path
) -> None:
    words = ("--data", data, "--encoder", small, "--out", tmp_path / "out.pt", "--epochs", 1)
    with pytest.raises(AdrwatchError, match="is an extractor"):
        run("train", "classify", *words, "--teacher", teacher[0])
    with pytest.raises(AdrwatchError, match="is no extractor"):
        run("train", "extract", *words, "--teacher", teacher[1])
    (tmp_path / "notes.txt").write_text("not a checkpoint")
    with pytest.raises(AdrwatchError, match="is no checkpoint"):
        run("train", "extract", *words, "--teacher", tmp_path / "notes.txt")


def test_what_is_known_and_what_is_told_are_mixed_only_where_both_speak() -> None:
    known, told = np.zeros((3, 1, 3), np.float16), np.zeros((3, 1, 3), np.float16)
    known[0, 0, 1] = known[1, 0, 1] = 1
    told[0, 0] = told[2, 0] = (0.5, 0.25, 0.25)
    mixed = blended(known, told, 0.5)
    assert mixed[:, 0].tolist() == [[0.25, 0.625, 0.125], [0, 1, 0], [0.5, 0.25, 0.25]]


def test_balancing_leaves_out_posts_of_which_nobody_said_whether_they_have_a_reaction() -> None:
    reaction = frozenset({"reaction"})
    posts = [AnnotatedPost("a rash", (Mention(2, 6, "reaction"),), reaction) for _ in range(10)]
    posts += [AnnotatedPost("quiet", (), reaction) for _ in range(90)]
    posts += [AnnotatedPost("case report", (), frozenset({"drug"})) for _ in range(500)]
    for share in (0.1, 0.35, 0.5):
        chosen = balanced(posts, share, random.Random(1))
        assert sum(bool(post.mentions) for post in chosen) / len(chosen) == pytest.approx(share, abs=0.02)
        assert all("reaction" in post.types for post in chosen)


def test_a_chain_of_tags_sums_over_all_legal_paths() -> None:
    """Against all paths of three pieces, one by one; the fourth place is padding."""
    torch.manual_seed(3)
    model = CrfExtractor(Given(torch.randn(1, 6, 4)), 1)
    torch.nn.init.normal_(model.transitions)
    model.head[0].p = 0.0
    lengths = torch.tensor([[5]])
    model.train()
    scores = model(torch.zeros(1), lengths).detach()
    weights = {path: _weight(path, scores[0, 1:4], model.transitions[0]) for path in product(range(3), repeat=3)}
    legal = {path: w for path, w in weights.items() if path[0] != 2 and (0, 2) not in pairwise(path)}
    total = torch.stack(list(legal.values())).logsumexp(0)
    targets = torch.zeros(1, 6, 1, 3)
    # The second piece goes on in the word of the first, which begins a mention: it is inside without being said so.
    targets[0, 1, 0, 1] = targets[0, 3, 0, 0] = 1
    loss = model.chain_loss(scores, lengths, targets)
    assert loss.item() == pytest.approx((total - legal[1, 2, 0]).item() / 3, abs=1e-4)
    model.eval()
    found = model(torch.zeros(1), lengths)[0, 1:4].exp()
    for place, tag in product(range(3), range(3)):
        share = sum((w - total).exp().item() for path, w in legal.items() if path[place] == tag)
        assert found[place, tag].item() == pytest.approx(share, abs=1e-4)


class Given(torch.nn.Module):
    """In a trunk's place: gives the vectors that it was made with."""

    def __init__(self, vectors: torch.Tensor) -> None:
        super().__init__()
        self.vectors, self.width = vectors, vectors.shape[2]

    def forward(self, *inputs: torch.Tensor) -> tuple[torch.Tensor, None]:
        return self.vectors, None


def _weight(path: tuple[int, ...], scores: torch.Tensor, transitions: torch.Tensor) -> torch.Tensor:
    steps = [transitions[before, after] for before, after in pairwise(path)]
    return (sum(steps) + sum(scores[place, tag] for place, tag in enumerate(path))).detach()


def test_an_extractor_with_chains_is_not_served(data: Path, small: Path, tmp_path: Path) -> None:
    config = eager(tmp_path)
    config.write_text(f"{config.read_text()}crf = true\n")
    out = tmp_path / "out.pt"
    words = ("--data", data, "--encoder", small, "--out", out, "--epochs", 12, "--config", config)
    assert run("train", "extract", *words).exit_code == 0
    assert checkpoint(out)["score"] > 0.5
    with pytest.raises(AdrwatchError, match="is not served"):
        run("models", "export", out, "--version", "1", "--repository", tmp_path / "models")


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


@pytest.mark.parametrize(
    ("study", "variants"),
    [
        ("ablate", ("CNN", "all three levels")),
        ("balance", ("as they come", "50 %")),
        ("recognisers", ("BiLSTM-CRF (Model A)", "BERT")),
    ],
)
def test_a_study_prints_a_table_and_makes_nothing_twice(
    study: str, variants: tuple[str, str], data: Path, small: Path, tmp_path: Path
) -> None:
    folder = tmp_path / study
    words = ("train", study, "--data", data, "--encoder", small, "--epochs", 1, "--folder", folder, "--seeds", "1,2")
    first = run(*words, "--variants", variants[0], "--variants", variants[1])
    assert first.exit_code == 0, first.output
    assert f"| {variants[0]} | 1, 2 |" in first.stdout
    assert len(list(folder.glob("*.json"))) == 4
    again = run(*words, "--variants", variants[0], "--variants", variants[1])
    assert again.stdout == first.stdout
    assert "epoch" not in again.stderr
