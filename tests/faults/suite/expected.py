"""What an undisturbed run over the same posts gives: `adrwatch backtest`, in a process without servers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deploy.local.workers import environment
from shared.settings import PACKAGE_ROOT, Settings
from tests.faults.suite.posts import SOURCE

Messages = dict[str, dict[str, Any]]
_PATIENCE = 1800


@dataclass(frozen=True)
class Expected:
    """Messages by id: outcomes by post."""

    outcomes: Messages
    mentions: Messages
    alerts: Messages


def undisturbed(settings: Settings, posts: Path, out: Path) -> Expected:
    """Back-test the posts by the settings of the run."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith("ADRWATCH_")}
    words = ("backtest", str(posts), "--source-name", SOURCE, "--out", str(out), "--force")
    done = subprocess.run(
        [sys.executable, "-m", "services.cli", *words],
        cwd=PACKAGE_ROOT, env=plain | environment(settings, {}), capture_output=True, text=True, timeout=_PATIENCE,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return Expected(*(_read(out / f"{kind}.jsonl") for kind in ("outcomes", "mentions", "alerts")))


def _read(path: Path) -> Messages:
    return {one.get("id") or one["post_id"]: one for one in map(json.loads, path.read_text().splitlines())}
