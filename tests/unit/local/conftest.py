from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from deploy.local.processes import Context, run_to_end


@pytest.fixture
def said() -> list[str]:
    """What the user was told."""
    return []


@pytest.fixture
def context(tmp_path: Path, said: list[str]) -> Context:
    return Context(tmp_path / "data", tmp_path / "cache", said.append)


@pytest.fixture
def failing_pip(context: Context) -> Callable[..., Path]:
    """Stands in for `python_environment` on a machine where pip finds nothing."""

    def fail(*_: object) -> Path:
        run_to_end(context, "pip", [sys.executable, "-c", "raise SystemExit('ERROR: No matching distribution')"])
        raise AssertionError

    return fail
