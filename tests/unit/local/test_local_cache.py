from __future__ import annotations

import errno
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from deploy.local import cache
from deploy.local.cache import installed, python_environment
from deploy.local.processes import Context, run_to_end
from shared.errors import AdrwatchError


def build(folder: Path) -> None:
    (folder / "file").write_text("good")


def test_a_folder_is_built_once(context: Context) -> None:
    assert (installed(context, "thing", build) / "file").read_text() == "good"
    installed(context, "thing", lambda _folder: pytest.fail("built again"))


def test_two_at_once_build_once(context: Context) -> None:
    builds: list[Path] = []

    def slow(folder: Path) -> None:
        builds.append(folder)
        context.sleep(0.2)
        build(folder)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda _: installed(context, "thing", slow), range(2)))
    assert len(builds) == 1


def test_a_build_that_fails_leaves_nothing(context: Context) -> None:
    def fail(folder: Path) -> None:
        build(folder)
        raise AdrwatchError("the mirror is away")

    with pytest.raises(AdrwatchError, match="the mirror is away"):
        installed(context, "thing", fail)
    assert [path.name for path in context.cache_dir.iterdir()] == ["thing.lock"]


def test_a_damaged_copy_is_said_and_built_again(context: Context, said: list[str]) -> None:
    folder = installed(context, "thing", build)
    (folder / "file").write_text("bad")
    installed(context, "thing", build, lambda path: (path / "file").read_text() == "good")
    assert (folder / "file").read_text() == "good"
    assert said == ["thing: the cached copy is damaged, getting it again"]


def test_a_full_disk_is_told_with_the_folder(context: Context) -> None:
    def fill(_folder: Path) -> None:
        raise OSError(errno.ENOSPC, "no space left on device")

    with pytest.raises(AdrwatchError, match="no space left in the cache folder") as caught:
        installed(context, "thing", fill)
    assert "ADRWATCH_CACHE_DIR" in caught.value.fix


def test_a_full_disk_is_recognised_in_the_output_of_a_command(context: Context) -> None:
    def fill(_folder: Path) -> None:
        run_to_end(context, "pip", [sys.executable, "-c", "raise SystemExit('OSError: No space left on device')"])

    with pytest.raises(AdrwatchError, match="no space left in the cache folder"):
        installed(context, "thing", fill)


def test_a_cache_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(AdrwatchError, match="cannot be used"):
        installed(Context(tmp_path, tmp_path / "file" / "cache"), "thing", build)


def test_a_python_without_venv_is_told(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(context: Context, name: str, _command: list[str]) -> str:
        return run_to_end(context, name, [sys.executable, "-c", "raise SystemExit('ensurepip is not available')"])

    monkeypatch.setattr(cache, "run_to_end", fail)
    with pytest.raises(AdrwatchError, match="ensurepip is not available") as caught:
        python_environment(context, "thing", ("some-package",))
    assert "python3-venv" in caught.value.fix
