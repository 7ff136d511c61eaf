"""The tree of commands."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from typer import Typer
from typer.testing import CliRunner

from services import settings_command
from services.cli import build
from shared import logs
from shared.settings import Settings, load


def registered(app: Typer, path: str = "adrwatch") -> list[str]:
    commands = [f"{path} {one.name or one.callback.__name__}" for one in app.registered_commands]
    return commands + [
        name for group in app.registered_groups for name in registered(group.typer_instance, f"{path} {group.name}")
    ]


def test_a_tree_that_is_asked_for_again_has_each_command_once() -> None:
    names = registered(build())
    assert registered(build()) == names
    assert len(names) == len(set(names))
    assert {"adrwatch worker cases", "adrwatch worker notify", "adrwatch worker alerting"} <= set(names)


def test_the_tree_is_made_without_the_libraries_that_single_commands_need() -> None:
    code = "import sys; from services.cli import build; build(); print(*sorted(sys.modules.keys() & set(sys.argv[1:])))"
    heavy = (
        "kafka",
        "redis",
        "tritonclient",
        "httpx",
        "numpy",
        "scipy",
        "duckdb",
        "sqlalchemy",
        "spacy",
        "onnxruntime",
    )
    done = subprocess.run([sys.executable, "-c", code, *heavy], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_a_line_of_a_log_never_stands_among_the_answer_of_a_command(monkeypatch: pytest.MonkeyPatch) -> None:
    def load_and_say() -> Settings:
        logs.logger("somewhere").info("on the way")
        logs.logger("somewhere").warning("worth knowing")
        return load()

    monkeypatch.setattr(settings_command, "load", load_and_say)
    done = CliRunner().invoke(build(), ["settings", "--json"])
    assert json.loads(done.stdout)["topic_prefix"] == "adr"
    assert [json.loads(line)["event"] for line in done.stderr.splitlines()] == ["worth knowing"]
