from __future__ import annotations

import gzip
import io
import json
import lzma
import sys
import tracemalloc
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.ingest.columns import Columns
from services.ingest.files import MAX_LINE, LineFile
from services.ingest.readers import format_of, open_reader
from services.ingest.source import RawPost, Reject, SourceBroken
from shared.errors import AdrwatchError
from tests.unit.ingest.samples import hashed, ids, jsonl, read, read_text, rejects

TIME = "2026-03-01T08:00:00Z"
GOOD = {"id": 7, "text": "my head is spinning", "created_at": TIME}
PACK: dict[str, Callable[[bytes], bytes]] = {"gz": gzip.compress, "xz": lzma.compress, "zst": zstandard.compress}


def numbered(count: int) -> bytes:
    return jsonl(*({**GOOD, "id": number} for number in range(count))).encode()


def test_usual_names_of_columns_are_found(tmp_path: Path) -> None:
    content = f"tweet_id\tuser_id\ttweet\tcreated_at\tlang\n1\t22\tslept badly\t{TIME}\tEN\n"
    [post] = read_text(tmp_path, "posts.tsv", content)
    assert isinstance(post, RawPost)
    assert (post.native_id, post.author, post.text, post.language) == ("1", "22", "slept badly", "en")
    assert post.created_at == datetime(2026, 3, 1, 8, tzinfo=UTC)
    assert post.post_id == "forum:1"


def test_nested_keys_of_json_are_columns(tmp_path: Path) -> None:
    record = {"id_str": "5", "full_text": "a", "created_at": TIME, "user": {"id_str": "22", "lang": {"code": "fr"}}}
    [post] = read_text(tmp_path, "posts.jsonl", jsonl(record), language="user.lang.code")
    assert isinstance(post, RawPost)
    assert (post.native_id, post.author, post.language) == ("5", "22", "fr")


def test_columns_that_are_named_win_over_usual_names(tmp_path: Path) -> None:
    content = f"id,nr,text,body,time,net\n1,8,a,b,{TIME},Mastodon\n"
    [post] = read_text(tmp_path, "posts.csv", content, id="nr", text="body", source="net")
    assert isinstance(post, RawPost)
    assert (post.post_id, post.text) == ("mastodon:8", "b")


@pytest.mark.parametrize("name", ["posts.csv", "posts.jsonl"])
def test_an_unknown_column_is_one_error_that_lists_the_columns(tmp_path: Path, name: str) -> None:
    content = "id,text,time\n1,a,b\n" if name.endswith("csv") else jsonl({"id": 1, "text": "a", "time": "b"})
    with pytest.raises(AdrwatchError, match="no column 'body' for --text") as caught:
        read_text(tmp_path, name, content, text="body")
    assert caught.value.fix == "its columns are: id, text, time"


def test_a_file_without_a_header_is_refused_without_quoting_a_post(tmp_path: Path) -> None:
    with pytest.raises(AdrwatchError, match="looks like the id") as caught:
        read_text(tmp_path, "posts.tsv", f"1\tsince Monday my hands have been shaking badly\t{TIME}\n")
    assert "shaking" not in str(caught.value)
    assert "header" in caught.value.fix


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"{broken", "bad-json"),
        (b'["a list"]', "not-an-object"),
        (b"[" * 100_000, "bad-json"),
        (b'{"id": 1, "text": "\xff\xfe", "created_at": "2026-03-01"}', "not-utf8"),
        (b'{"id": 1, "text": "a\x00b", "created_at": "2026-03-01"}', "nul-byte"),
        (b'{"text": "a", "created_at": "2026-03-01"}', "no-id"),
        (b'{"id": null, "text": "a", "created_at": "2026-03-01"}', "no-id"),
        (b'{"id": true, "text": "a", "created_at": "2026-03-01"}', "no-id"),
        (b'{"id": "1.23E+17", "text": "a", "created_at": "2026-03-01"}', "bad-id"),
        (b'{"id": "two words", "text": "a", "created_at": "2026-03-01"}', "bad-id"),
        (b'{"id": 1, "text": "a"}', "no-time"),
        (b'{"id": 1, "text": "a", "created_at": ""}', "no-time"),
        (b'{"id": 1, "text": "a", "created_at": "soon"}', "bad-time"),
        (b'{"id": 1, "text": "a", "created_at": [2026]}', "bad-time"),
        (b'{"id": 1, "text": null, "created_at": "2026-03-01"}', "no-text"),
        (b'{"id": 1, "text": {"a": 1}, "created_at": "2026-03-01"}', "no-text"),
        (b'{"id": 1, "text": "' + b"a" * MAX_LINE + b'", "created_at": "2026-03-01"}', "line-too-long"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_line_that_is_no_post_is_refused_with_its_reason_and_the_rest_goes_on(
    tmp_path: Path, line: bytes, reason: str
) -> None:
    before, after = jsonl({**GOOD, "id": "a"}).encode(), jsonl({**GOOD, "id": "b"}).encode()
    found = read_text(tmp_path, "posts.jsonl", before + line + b"\n" + after)
    assert ids(found) == ["a", "b"]
    assert rejects(found) == [(2, reason)]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"1\tonly two", "field-count"),
        (b"1\ta\tb\tc\td", "field-count"),
        (b"1\t\xff\t2026-03-01", "not-utf8"),
        (b"1\ta\x00\t2026-03-01", "nul-byte"),
        (b"\ta\t2026-03-01", "no-id"),
        (b"1\ta\tsoon", "bad-time"),
    ],
)
def test_a_row_that_is_no_post_is_refused_with_its_reason_and_the_rest_goes_on(
    tmp_path: Path, line: bytes, reason: str
) -> None:
    content = b"id\ttext\ttime\na\tfine\t2026-03-01\n" + line + b"\nb\tfine\t2026-03-01\n"
    found = read_text(tmp_path, "posts.tsv", content)
    assert ids(found) == ["a", "b"]
    assert rejects(found) == [(3, reason)]


def test_a_source_column_with_no_name_in_it_is_refused(tmp_path: Path) -> None:
    [found] = read_text(tmp_path, "posts.csv", f"id,text,time,net\n1,a,{TIME},not a name!\n", source="net")
    assert isinstance(found, Reject)
    assert found.reason == "bad-source"


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), max_size=8))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
def test_every_text_comes_out_of_json_lines_as_it_went_in(tmp_path: Path, texts: list[str]) -> None:
    content = jsonl(*({**GOOD, "id": number, "text": text} for number, text in enumerate(texts))) or jsonl(GOOD)
    found = read_text(tmp_path, "posts.jsonl", content)
    assert [post.text for post in found if isinstance(post, RawPost)] == (texts or [str(GOOD["text"])])


@given(
    st.lists(
        st.one_of(st.integers(0, 99), st.binary(max_size=20).map(lambda data: data.replace(b"\n", b""))), max_size=12
    )
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=100)
def test_broken_json_lines_never_swallow_their_neighbours(tmp_path: Path, lines: list[Any]) -> None:
    first = jsonl({**GOOD, "id": "first", "text": "so much text that the file is one of text " * 99}).encode()
    content = first + b"\n".join(
        json.dumps({**GOOD, "id": line}).encode() if isinstance(line, int) else line for line in lines
    )
    found = read_text(tmp_path, "posts.jsonl", content)
    assert ids(found) == ["first", *(str(line) for line in lines if isinstance(line, int))]
    blank = sum(isinstance(line, bytes) and not line.strip() for line in lines)
    assert len(found) == 1 + len(lines) - blank


@pytest.mark.parametrize("suffix", PACK)
def test_compressed_files_are_read_also_when_several_are_joined(tmp_path: Path, suffix: str) -> None:
    pack = PACK[suffix]
    path = tmp_path / f"posts.jsonl.{suffix}"
    path.write_bytes(pack(numbered(3000)) + pack(numbered(2)))
    assert len(ids(read(path))) == 3002


@pytest.mark.parametrize("suffix", PACK)
@pytest.mark.parametrize("kept", [0.6, 0.999])
def test_a_truncated_archive_gives_its_good_part_and_then_an_error(tmp_path: Path, suffix: str, kept: float) -> None:
    content = b"".join(
        numbered(1)[:-1].replace(b"spinning", b"%x" % (number * 7919**3)) + b"\n" for number in range(20_000)
    )
    packed = PACK[suffix](content)
    path = tmp_path / f"posts.jsonl.{suffix}"
    path.write_bytes(packed[: int(len(packed) * kept)])
    reader = iter(open_reader(str(path), "jsonl", Columns(), "forum", hashed))
    found: list[RawPost | Reject] = []
    with pytest.raises(SourceBroken, match="ends in the middle"):
        found.extend(reader)
    assert len(found) > 0


def test_every_whole_line_before_the_cut_of_an_archive_is_read(tmp_path: Path) -> None:
    path = tmp_path / "posts.jsonl.gz"
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb") as file:
        file.write(numbered(500))
        file.flush()
        whole = packed.tell()
        file.write(numbered(500))
    path.write_bytes(packed.getvalue()[: whole + 2])
    found: list[RawPost | Reject] = []
    with pytest.raises(SourceBroken):
        found.extend(open_reader(str(path), "jsonl", Columns(), "forum", hashed))
    assert len(ids(found)) >= 500


def test_a_damaged_archive_is_an_error_and_no_posts_are_invented(tmp_path: Path) -> None:
    packed = bytearray(gzip.compress(numbered(5000)))
    packed[len(packed) // 2 :] = bytes(len(packed) - len(packed) // 2)
    path = tmp_path / "posts.jsonl.gz"
    path.write_bytes(packed)
    with pytest.raises(SourceBroken):
        read(path)


@pytest.mark.parametrize(
    "content",
    [
        bytes(range(256)) * 40,
        b"PK\x03\x04rest",
        "id,text,time\n".encode("utf-16"),
        "id,text,time\n1,服药后头晕,x\n".encode("gbk") * 9,
    ],
    ids=["binary", "zip", "utf-16", "gbk"],
)
def test_a_file_that_is_no_text_is_refused_at_once(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(AdrwatchError, match="is not text"):
        read_text(tmp_path, "posts.csv", content)


@pytest.mark.parametrize("content", [b"", b"\n\n", gzip.compress(b"")], ids=["nothing", "blank", "gzip"])
def test_an_empty_file_is_refused_by_name(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(AdrwatchError, match=r"posts.csv is empty"):
        read_text(tmp_path, "posts.csv", content)


@pytest.mark.parametrize("path", ["missing.csv", "."])
def test_what_cannot_be_opened_is_named(tmp_path: Path, path: str) -> None:
    with pytest.raises(AdrwatchError, match="cannot be read"):
        LineFile(str(tmp_path / path))


def test_a_name_that_tells_no_format_asks_for_it() -> None:
    with pytest.raises(AdrwatchError, match="--format"):
        format_of("posts.txt.gz", None)
    with pytest.raises(AdrwatchError, match="standard input"):
        format_of("-", None)
    assert format_of("posts.TSV.xz", None) == "tsv"
    assert format_of("-", "csv") == "csv"


def test_standard_input_is_read_compressed_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BufferedReader(io.BytesIO(gzip.compress(numbered(4000))))))
    found = list(open_reader("-", "jsonl", Columns(), "forum", hashed))
    assert ids(found) == [str(number) for number in range(4000)]
    assert found[0].origin.file == "stdin"


def test_windows_files_with_a_byte_order_mark_are_read(tmp_path: Path) -> None:
    [post] = read_text(tmp_path, "posts.csv", b"\xef\xbb\xbfid,text,time\r\n1,a post,2026-03-01\r\n")
    assert isinstance(post, RawPost)
    assert (post.native_id, post.text) == ("1", "a post")


def test_memory_stays_small_however_long_the_file(tmp_path: Path) -> None:
    def peak(count: int) -> int:
        path = tmp_path / f"{count}.jsonl"
        path.write_bytes(numbered(count))
        tracemalloc.start()
        try:
            assert sum(1 for _ in open_reader(str(path), "jsonl", Columns(), "forum", hashed)) == count
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    # What the first reading leaves in caches belongs to no file; buffers are the same for every length.
    peak(1)
    assert peak(40_000) < 2 * peak(4_000)
