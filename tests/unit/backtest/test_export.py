"""The files of a back-test: whole or not there."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.backtest.export import NAMES, check, write
from shared.errors import AdrwatchError

WHOLE = {name: [b'{"id": "1"}', b'{"id": "2"}'] for name in NAMES}


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_each_file_has_one_message_a_line_and_is_for_its_owner_alone(tmp_path: Path) -> None:
    write(tmp_path, WHOLE)
    assert names(tmp_path) == sorted(NAMES)
    for name in NAMES:
        assert (tmp_path / name).read_bytes() == b'{"id": "1"}\n{"id": "2"}\n'
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600


def test_when_a_record_cannot_be_made_nothing_is_left_and_what_was_there_stays(tmp_path: Path) -> None:
    write(tmp_path, WHOLE)

    def breaking() -> Iterator[bytes]:
        yield b"{}"
        raise RuntimeError("no more")

    with pytest.raises(RuntimeError):
        write(tmp_path, {NAMES[0]: [b"other"], NAMES[1]: breaking(), NAMES[2]: []})
    assert names(tmp_path) == sorted(NAMES)
    assert (tmp_path / NAMES[0]).read_bytes().startswith(b'{"id": "1"}')


def test_a_full_disk_is_a_clear_error_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(AdrwatchError, match="No space left on device"):
        write(tmp_path, WHOLE)
    assert names(tmp_path) == []


def test_files_that_are_there_are_replaced_only_by_force(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "folder"
    check(folder, force=False)
    assert names(folder) == []
    (folder / NAMES[2]).write_text("old")
    with pytest.raises(AdrwatchError, match=r"holds alerts\.jsonl already"):
        check(folder, force=False)
    check(folder, force=True)


def test_a_folder_that_cannot_be_is_named_before_any_work(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(AdrwatchError, match=r"file.* cannot be written"):
        check(tmp_path / "file" / "folder", force=False)
