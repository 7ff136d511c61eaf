"""Which version is active."""

from __future__ import annotations

from pathlib import Path

import pytest

from shared.errors import AdrwatchError
from shared.models.repository import (
    Active,
    locked,
    read_active,
    stamp_of_active,
    version_folder,
    whole_versions,
    write_active,
)


def test_a_model_s_folder_stands_for_its_active_version_and_a_version_s_for_itself(tmp_path: Path) -> None:
    write_active(tmp_path, Active(2, (1,)))
    assert version_folder(tmp_path / "adr_ner") == tmp_path / "adr_ner" / "2"
    assert version_folder(tmp_path / "adr_ner" / "1") == tmp_path / "adr_ner" / "1"


def test_a_folder_outside_of_a_repository_is_taken_as_it_is(tmp_path: Path) -> None:
    assert version_folder(tmp_path / "mine") == tmp_path / "mine"


def test_every_activation_is_seen_in_the_stamp_even_of_the_same_content(tmp_path: Path) -> None:
    stamps = set()
    for _ in range(3):
        write_active(tmp_path, Active(1))
        stamps.add(stamp_of_active(tmp_path))
    assert len(stamps) == 3
    assert stamp_of_active(tmp_path) == stamp_of_active(tmp_path)


def test_rolling_back_takes_the_versions_in_turn() -> None:
    active = Active(1).then(2).then(2).then(3)
    assert active == Active(3, (1, 2))
    assert active.back() == Active(2, (1,))
    assert active.back().back() == Active(1)
    with pytest.raises(AdrwatchError, match="none to go back to"):
        Active(1).back()


@pytest.mark.parametrize("content", [None, b"", b"{]", b'{"version": "two"}', b'{"version": 1, "more": 2}'])
def test_an_active_file_that_is_missing_or_wrong_is_named(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "active.json").write_bytes(content)
    with pytest.raises(AdrwatchError, match=r"active\.json") as refusal:
        read_active(tmp_path)
    assert refusal.value.fix


def test_only_versions_that_both_models_have_count(tmp_path: Path) -> None:
    for name in ("one/1", "one/2", "one/10", "one/configs", "other/2", "other/10", "other/3"):
        (tmp_path / name).mkdir(parents=True)
    assert whole_versions(tmp_path, ["one", "other"]) == [2, 10]


def test_two_commands_cannot_change_a_repository_at_once(tmp_path: Path) -> None:
    with locked(tmp_path), pytest.raises(AdrwatchError, match="another command is changing"), locked(tmp_path):
        pass
    with locked(tmp_path):
        pass
