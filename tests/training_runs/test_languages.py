"""Adapters in a frozen encoder: trained on posts of other languages, packed without a number of the encoder, put together again."""

from __future__ import annotations

import json
import lzma
import random
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper
from safetensors.numpy import load_file
from typer.testing import CliRunner, Result

from services.cli import build
from shared.models.classifier import ClassifierFeatures
from shared.models.composition import compose
from shared.models.extractor import ExtractorFeatures
from shared.models.metadata import METADATA, Metadata
from shared.models.session import OnnxModel
from shared.text.parse import Unparsed
from tests.training_runs.corpora import DRUGS, OTHERS, REACTIONS, REPORTS, collection, encoder

POSTS = ["day 3 on prozac and now nausea", "is lipitor covered by the plan?", "a rash again, thanks humira"]
CONFIG = """
languages = {languages}
parses = false
without = ["characters", "pairs", "classes", "lstm"]
freeze = 1
adapters = 4
rate = 3
epochs = 2
"""


def labelled(generator: random.Random, number: int) -> tuple[str, int]:
    label = int(generator.random() < 0.5)
    form = generator.choice(REPORTS if label else OTHERS)
    drug, reaction = generator.choice(DRUGS), generator.choice(REACTIONS)
    return form.format(drug=drug, reaction=reaction, day=number), label


def write(path: Path, lines: list[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    raw = ("\n".join(lines) + "\n").encode()
    path.write_bytes(lzma.compress(raw) if path.suffix == ".xz" else raw)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = collection(tmp_path_factory.mktemp("data"))
    generator = random.Random(3)
    tweets = folder / "classification" / "ru_tweets"
    for name, first, size in (("train", 0, 240), ("validation", 500, 30)):
        rows = [labelled(generator, number) for number in range(first, first + size)]
        lines = ["tweet_id\ttweet\tlabel", *(f"{n}\t{text}\t{label}" for n, (text, label) in enumerate(rows))]
        write(tweets / f"task2_ru_{name}.tsv.xz", lines)
    sentences = []
    for number in range(160):
        drug, reaction = generator.choice(DRUGS), generator.choice(REACTIONS)
        text = f"day {number} on {drug} and now {reaction}"
        at = text.index(reaction)
        entities = [{"start": at, "end": at + len(reaction), "entity_type": "ADR", "entity_text": reaction}]
        one = {"file_name": f"review {number}", "sentence_id": 0, "text": text, "entities": entities}
        sentences.append(json.dumps(one))
    write(folder / "ner" / "rudrec_ru" / "rudrec_annotated.json.xz", sentences)
    return folder


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return encoder(tmp_path_factory.mktemp("encoder") / "bert", width=256)


def run(*words: object) -> Result:
    return CliRunner().invoke(build(), [str(word) for word in words], catch_exceptions=False)


@pytest.fixture(scope="module")
def trained(data: Path, base: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("trained")
    (folder / "config.toml").write_text(CONFIG.format(languages='["ru"]'))
    made = {}
    for task in ("classify", "extract"):
        made[task] = folder / f"{task}.pt"
        words = ("--data", data, "--encoder", base, "--config", folder / "config.toml", "--out", made[task])
        result = run("train", task, *words)
        assert result.exit_code == 0, result.output
    return made


def checkpoint(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = torch.load(path, weights_only=False)
    return found


def test_only_adapters_of_the_upper_layer_and_the_head_have_learned(trained: dict[str, Path], base: Path) -> None:
    before = load_file(base / "model.safetensors")
    state = checkpoint(trained["classify"])["state"]
    kept = {name.removeprefix("trunk.encoder.").replace(".linear.", "."): value for name, value in state.items()}
    assert all(np.array_equal(kept[name].numpy(), value) for name, value in before.items() if name in kept)
    learned = [name for name in state if ".up." in name]
    assert learned
    assert all("layer.1." in name for name in learned)
    assert any(state[name].abs().max() > 0 for name in learned)


def test_each_language_with_enough_reports_has_a_calibration_of_its_own(trained: dict[str, Path]) -> None:
    found = checkpoint(trained["classify"])
    assert set(found["by_language"]) == {"ru"}
    assert set(found["by_language"]["ru"]["policies"]) == {"balanced", "recall", "precision"}
    assert found["parser"] == Unparsed.version


def test_what_is_packed_and_put_together_answers_as_what_was_exported_and_holds_nothing_of_the_encoder(
    trained: dict[str, Path], base: Path, tmp_path: Path
) -> None:
    posts = tmp_path / "posts.jsonl"
    posts.write_text("".join(json.dumps({"text": text}) + "\n" for text in POSTS))
    parts, repository = tmp_path / "parts", tmp_path / "models"
    result = run("train", "pack", *trained.values(), "--version", "1.0", "--out", parts, "--posts", posts)
    assert result.exit_code == 0, result.output
    result = run(
        "models", "export", *trained.values(), "--version", "1.0", "--pair", "tiny", "--repository", repository
    )
    assert result.exit_code == 0, result.output
    tensors = load_file(base / "model.safetensors")
    cut = checkpoint(trained["classify"])["tokenizer"]
    for kind, name in ((ClassifierFeatures, "adr_classifier"), (ExtractorFeatures, "adr_ner")):
        there = repository / f"{name}_tiny" / "1"
        here = tmp_path / "composed" / f"{name}_tiny" / "1"
        compose(parts / name, here, f"{name}_tiny", tensors, (there / "tokenizer.json").read_text() or cut)
        features = kind.load(here, name=f"{name}_tiny")
        batches = features.encode(POSTS, Unparsed().parse(POSTS)).batches
        for batch in batches:
            (ours,) = OnnxModel(here / "model.onnx").infer(batch).values()
            (theirs,) = OnnxModel(there / "model.onnx").infer(batch).values()
            # Fixed scales were measured on other posts, and adapters are of half precision.
            assert np.abs(ours - theirs).max() < 0.25 * max(1.0, float(np.abs(theirs).max()))
        graph = onnx.load(parts / name / "model.onnx", load_external_data=False)
        inside = [value for value in graph.graph.initializer if value.data_location != onnx.TensorProto.EXTERNAL]
        known = {values.tobytes() for values in tensors.values() if values.size > 8 and values.any()}
        assert not [value.name for value in inside if numpy_helper.to_array(value).tobytes() in known]
        shipped = msgspec.json.decode((parts / name / METADATA).read_bytes(), type=Metadata)
        assert (shipped.digest, features.metadata.version) == ("", "1.0")


def test_a_checkpoint_without_adapters_is_not_packed(trained: dict[str, Path], tmp_path: Path) -> None:
    plain = checkpoint(trained["classify"])
    plain["options"]["adapters"] = 0
    torch.save(plain, tmp_path / "plain.pt")
    with pytest.raises(Exception, match="has no adapters"):
        run("train", "pack", tmp_path / "plain.pt", "--version", "1.0", "--out", tmp_path / "parts")


def test_levels_that_are_made_of_parses_are_refused_where_nothing_is_parsed(data: Path, tmp_path: Path) -> None:
    (tmp_path / "wrong.toml").write_text('parses = false\nwithout = ["pairs"]\n')
    with pytest.raises(Exception, match="the level classes is made of parses"):
        run("train", "classify", "--data", data, "--config", tmp_path / "wrong.toml")
