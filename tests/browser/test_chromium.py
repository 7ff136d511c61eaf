"""Where the tests find their browser, and what they say where there is none."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from shared.errors import AdrwatchError
from tests.browser import chromium
from tests.programs import program


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without a browser: a PATH of its own, and no browser that Playwright fetched."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setenv("PLAYWRIGHT_BROWSERS_PATH", str(tmp_path / "fetched"))
    # Whatever would be fetched, from nowhere.
    monkeypatch.setenv("PLAYWRIGHT_DOWNLOAD_HOST", "http://127.0.0.1:9")
    return folder


@pytest.mark.parametrize("name", chromium.ON_PATH)
def test_a_browser_on_the_path_is_taken(bare: Path, name: str) -> None:
    there = program(bare, name, "exit 0")
    assert chromium.chromium() == there


def test_root_gets_one_from_the_distribution(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chromium.os, "getuid", lambda: 0)
    body = f'[ "$1" = update ] || {{ printf "#!/bin/sh\\n" > {bare}/chromium; /bin/chmod 755 {bare}/chromium; }}'
    program(bare, "apt-get", body)
    assert chromium.chromium() == bare / "chromium"


def test_where_none_can_be_had_the_error_says_what_was_tried_and_what_to_install(
    bare: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chromium.os, "getuid", lambda: 0)
    program(bare, "apt-get", "echo E: no network >&2; exit 100")
    run = subprocess.run

    def offline(command: list[str], **options: object) -> object:
        asked = [sys.executable, "-c", "raise SystemExit('no answer')"] if "playwright" in command else command
        return run(asked, **options)  # type: ignore[call-overload]

    monkeypatch.setattr(chromium.subprocess, "run", offline)
    tried = "apt-get update -qq: E: no network; .*playwright install chromium: no answer"
    with pytest.raises(AdrwatchError, match=tried) as told:
        chromium.chromium()
    assert "apt-get install chromium" in told.value.fix
