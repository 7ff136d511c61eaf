"""What all readers share: opening files and archives, whole mentions."""

from __future__ import annotations

from pathlib import Path

import pytest

from shared.corpora.readers import Mention, read_lines, read_members, whole
from shared.errors import AdrwatchError
from tests.unit.corpora.corpus_files import tarred, write, zipped


def test_a_missing_corpus_says_what_to_give(tmp_path: Path) -> None:
    with pytest.raises(AdrwatchError, match="no corpus file") as refusal:
        read_lines(tmp_path / "absent.tsv")
    assert "--data" in refusal.value.fix


def test_a_damaged_archive_is_refused(tmp_path: Path) -> None:
    damaged = tmp_path / "posts.tsv.xz"
    damaged.write_bytes(b"not xz")
    with pytest.raises(AdrwatchError, match="not readable"):
        read_lines(damaged)
    other = tmp_path / "posts.zip"
    other.write_bytes(b"not a zip")
    with pytest.raises(AdrwatchError, match="neither a zip nor a tar"):
        read_members(other)


def test_text_in_another_encoding_is_refused_without_its_content(tmp_path: Path) -> None:
    other = tmp_path / "posts.txt"
    other.write_bytes("naïve words".encode("latin-1"))
    with pytest.raises(AdrwatchError, match="UTF-8") as refusal:
        read_lines(other)
    assert "words" not in str(refusal.value)


def test_line_separators_inside_a_post_end_no_line(tmp_path: Path) -> None:
    assert read_lines(write(tmp_path / "a.txt", "one\u2028still one\r\ntwo\n")) == ["one\u2028still one", "two"]


def test_folders_zips_and_tars_hold_the_same_members(tmp_path: Path) -> None:
    files = {"a/one.txt": "one", "a/one.ann": ""}
    for name, text in files.items():
        write(tmp_path / "folder" / name, text)
    expected = {name: text.encode() for name, text in files.items()}
    assert read_members(tmp_path / "folder") == expected
    assert read_members(zipped(tmp_path / "a.zip", files)) == expected
    assert read_members(tarred(tmp_path / "a.tar.xz", files)) == expected


def test_fragments_parted_by_white_space_only_are_one_piece() -> None:
    text = "sore arms and  legs"
    assert whole(text, [(14, 19), (0, 4)], "reaction") == Mention(0, 19, "reaction", ((0, 4), (14, 19)))
    assert whole(text, [(0, 4), (5, 9)], "reaction") == Mention(0, 9, "reaction")
