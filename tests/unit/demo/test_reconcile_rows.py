"""The independent reader finds every record and its id, however the file is written."""

from __future__ import annotations

import gzip
import json
import lzma
from pathlib import Path

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from deploy.reconcile.rows import Reading, Row, read_rows
from shared.errors import AdrwatchError

PLAIN = Reading()


def read(path: Path, reading: Reading = PLAIN) -> list[Row]:
    return list(read_rows(path, reading, pytest.fail))


def ids(path: Path, reading: Reading = PLAIN) -> list[str | None]:
    return [row.post_id for row in read(path, reading)]


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_bytes(text.encode())
    return path


def test_json_lines_give_ids_and_line_numbers_and_blank_lines_are_none(tmp_path: Path) -> None:
    path = write(tmp_path, "posts.jsonl", '{"id": 7, "text": "a"}\n\n{"id": " x1 ", "text": "b"}\r\n')
    assert read(path) == [Row("posts.jsonl", 1, 1, "replay:7"), Row("posts.jsonl", 3, 3, "replay:x1")]


def test_a_line_that_is_no_object_is_a_record_without_an_id(tmp_path: Path) -> None:
    path = write(tmp_path, "posts.jsonl", '{"id": "1"}\n{"id": "2", \n[1]\n{"id": true}\n{"text": "no id"}\n')
    rows = read(path)
    assert [row.post_id for row in rows] == ["replay:1", None, None, None, None]
    assert [row.key for row in rows[1:]] == ["posts.jsonl#2", "posts.jsonl#3", "posts.jsonl#4", "posts.jsonl#5"]


def test_a_nested_id_and_a_source_column_are_found(tmp_path: Path) -> None:
    path = write(tmp_path, "posts.jsonl", '{"post": {"key": "9"}, "net": "Bluesky"}\n{"post": {"key": "10"}}\n')
    reading = Reading(id_column="post.key", source_name="forum", source_column="net")
    assert ids(path, reading) == ["bluesky:9", "forum:10"]


def test_ids_are_hashed_where_posts_were_published_so(tmp_path: Path) -> None:
    path = write(tmp_path, "posts.jsonl", '{"id": "9", "net": "X"}\n{"net": "x"}\n{"id": "9", "net": "forum"}\n')
    hashed = Reading(source_column="net", hashed={"x": lambda native: [f"hash of {native}", f"old hash of {native}"]})
    assert ids(path, hashed) == ["x:hash of 9", None, "forum:9"]
    assert [row.earlier for row in read(path, hashed)] == [("x:old hash of 9",), (), ()]


def test_a_tsv_text_that_begins_with_a_quote_swallows_no_neighbour(tmp_path: Path) -> None:
    path = write(tmp_path, "p.tsv", 'tweet_id\ttext\n1\t"hello she said\n2\tplain\n3\t"quoted" start\n4\tend\n')
    assert ids(path) == ["replay:1", "replay:2", "replay:3", "replay:4"]


def test_a_csv_text_over_several_lines_is_one_record(tmp_path: Path) -> None:
    path = write(tmp_path, "p.csv", 'id,text\n1,"one\ntwo, ""three"""\n2,plain\n')
    assert read(path) == [Row("p.csv", 2, 3, "replay:1"), Row("p.csv", 4, 4, "replay:2")]


def test_a_record_of_another_width_has_no_id(tmp_path: Path) -> None:
    path = write(tmp_path, "p.csv", "id,text\n1,a\n2,b,c\n3,d\n")
    assert [row.key for row in read(path)] == ["replay:1", "p.csv#3", "replay:3"]


@pytest.mark.parametrize(
    ("suffix", "pack"), [("gz", gzip.compress), ("xz", lzma.compress), ("zst", zstandard.ZstdCompressor().compress)]
)
def test_a_packed_file_reads_like_the_plain_one(tmp_path: Path, suffix: str, pack: object) -> None:
    text = "".join(json.dumps({"id": str(number)}) + "\n" for number in range(5000)).encode()
    path = tmp_path / f"posts.jsonl.{suffix}"
    path.write_bytes(pack(text))  # type: ignore[operator]
    assert ids(path) == [f"replay:{number}" for number in range(5000)]


@pytest.mark.parametrize(("suffix", "pack"), [("gz", gzip.compress), ("xz", lzma.compress)])
def test_a_truncated_archive_is_counted_as_far_as_it_goes_and_said(tmp_path: Path, suffix: str, pack: object) -> None:
    text = "".join(json.dumps({"id": f"{number * 7919 % 100003}"}) + "\n" for number in range(20000)).encode()
    path = tmp_path / f"posts.jsonl.{suffix}"
    path.write_bytes(pack(text)[:-2000])  # type: ignore[operator]
    said: list[str] = []
    rows = list(read_rows(path, PLAIN, said.append))
    assert 0 < len(rows) < 20000
    assert len(said) == 1
    assert "not a whole archive" in said[0]


def test_an_archive_that_is_damaged_inside_is_counted_as_far_as_it_goes_and_said(tmp_path: Path) -> None:
    text = "".join(json.dumps({"id": f"{number * 7919 % 100003}"}) + "\n" for number in range(20000)).encode()
    packed = bytearray(gzip.compress(text))
    packed[len(packed) // 2 :] = bytes(255 - byte for byte in packed[len(packed) // 2 :])
    (tmp_path / "posts.jsonl.gz").write_bytes(packed)
    said: list[str] = []
    rows = list(read_rows(tmp_path / "posts.jsonl.gz", PLAIN, said.append))
    assert 0 < len(rows) < 20000
    assert len(said) == 1


def test_a_missing_file_an_empty_one_and_an_unknown_column_are_clear_errors(tmp_path: Path) -> None:
    with pytest.raises(AdrwatchError, match="cannot be read"):
        read(tmp_path / "none.jsonl")
    with pytest.raises(AdrwatchError, match="is empty"):
        read(write(tmp_path, "empty.csv", ""))
    table = write(tmp_path, "p.csv", "number,text\n1,a\n")
    with pytest.raises(AdrwatchError, match="looks like the id"):
        read(table)
    with pytest.raises(AdrwatchError, match="has no column 'key'"):
        read(table, Reading(id_column="key"))
    assert ids(table, Reading(id_column="number")) == ["replay:1"]


@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\r\n"), max_size=40), max_size=20))
def test_any_texts_in_json_lines_keep_one_record_each(
    tmp_path_factory: pytest.TempPathFactory, texts: list[str]
) -> None:
    path = tmp_path_factory.mktemp("rows") / "posts.jsonl"
    lines = [json.dumps({"id": number, "text": text}, ensure_ascii=False) for number, text in enumerate(texts)]
    path.write_text("\n".join(['{"id": "first"}', *lines]), newline="\n")
    assert ids(path) == ["replay:first", *(f"replay:{number}" for number in range(len(texts)))]


def test_a_post_in_the_place_of_a_header_is_not_quoted(tmp_path: Path) -> None:
    table = tmp_path / "posts.csv"
    table.write_text("1,day three on zoloft and still no sleep\n2,advil again\n")
    with pytest.raises(AdrwatchError, match="not a header") as caught:
        read(table, Reading())
    assert "zoloft" not in str(caught.value)
