"""Where the tests find promtool, and what they say where there is none."""

from __future__ import annotations

from pathlib import Path

import pytest

from shared.errors import AdrwatchError
from shared.settings import load
from tests import promtool
from tests.programs import program


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without the program: a PATH and a cache of its own."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setattr(promtool, "load", lambda: load(cache_dir=tmp_path / "cache"))
    return folder


def test_one_on_the_path_is_taken(bare: Path) -> None:
    there = program(bare, "promtool", "exit 0")
    assert promtool.promtool() == there


def test_debian_s_package_is_taken_apart_and_not_installed(bare: Path) -> None:
    program(bare, "apt-get", '[ "$1" = update ] || : > prometheus_2.0_amd64.deb')
    program(bare, "dpkg-deb", '/bin/mkdir -p usr/bin && printf "#!/bin/sh\\necho it\\n" > usr/bin/promtool')
    found = promtool.promtool()
    assert "echo it" in found.read_text()
    # The next time nothing is asked for.
    (bare / "apt-get").unlink()
    assert promtool.promtool() == found


def test_go_builds_it_where_there_is_no_debian(bare: Path) -> None:
    program(bare, "go", 'echo "$2" > "$GOBIN/promtool"')
    assert promtool.promtool().read_text().strip() == promtool.MODULE


def test_where_none_can_be_had_the_error_says_what_was_tried_and_what_to_install(bare: Path) -> None:
    program(bare, "apt-get", "echo E: no network >&2; exit 100")
    with pytest.raises(AdrwatchError, match=r"apt-get .*: E: no network; go is not here") as told:
        promtool.promtool()
    assert "apt-get install prometheus" in told.value.fix
