"""Options of a training run: the file, the command line over it, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.training.options import Options, load
from shared.errors import AdrwatchError


def file(folder: Path, text: str) -> Path:
    path = folder / "run.toml"
    path.write_text(text)
    return path


def test_the_command_line_goes_over_the_file_and_the_file_over_the_defaults(tmp_path: Path) -> None:
    options = load(file(tmp_path, 'epochs = 7\nseed = 3\nwithout = ["pairs"]\nforum = 1\n'), seed=5, encoder=None)
    assert options == Options(epochs=7, seed=5, without=("pairs",), forum=1.0)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("epoch = 7\n", "epoch is no option"),
        ('epochs = "seven"\n', "option epochs must be of type int"),
        ('without = ["syntax"]\n', "no level syntax"),
        ("epochs = = 7\n", "not valid TOML"),
        ("adr_share = 1.0\n", "adr_share is a share"),
        ("teacher_share = -0.1\n", "teacher_share is a share"),
        ("without = 3\n", "option without must be of type tuple"),
        ("unlabelled = 100\n", "give --teacher|teach nothing by themselves"),
    ],
)
def test_a_wrong_file_names_what_is_wrong(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(AdrwatchError, match=said) as refusal:
        load(file(tmp_path, text))
    assert refusal.value.fix


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(AdrwatchError, match=r"absent\.toml cannot be read"):
        load(tmp_path / "absent.toml")
