"""The command `adrwatch train`."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from services.cli import build
from shared.errors import AdrwatchError


def test_training_without_torch_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.delitem(sys.modules, "services.training.export", raising=False)
    result = CliRunner().invoke(build(), ["train", "export", str(tmp_path / "a.pt"), "--version", "1"])
    assert isinstance(result.exception, AdrwatchError)
    assert "adrwatch[train]" in result.exception.fix


def test_an_unknown_level_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.training.cli.with_extra", lambda module: None)
    result = CliRunner().invoke(build(), ["train", "classify", "--data", str(tmp_path), "--without", "syntax"])
    assert isinstance(result.exception, AdrwatchError)
    assert "no level syntax" in str(result.exception)
