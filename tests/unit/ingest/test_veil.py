from __future__ import annotations

import json
from pathlib import Path

import pytest

from services.ingest.source import Reject
from services.ingest.veil import MOST_BYTES
from tests.unit.ingest.samples import hashed, jsonl, raw_post, read_text

PERSON = ["jane_doe", "22334455", "jane@mail.example", "Jane Doe"]


def payload(folder: Path, name: str, content: str | bytes) -> bytes:
    [found] = [item for item in read_text(folder, name, content) if isinstance(item, Reject)]
    return found.payload


def test_a_refused_json_record_keeps_what_is_read_and_nobody_s_name(tmp_path: Path) -> None:
    record = {
        "id": 9,
        "text": "@jane_doe wrote jane@mail.example",
        "created_at": "never",
        "user_id": 22334455,
        "name": "Jane Doe",
        "place": "Springfield",
    }
    kept = json.loads(payload(tmp_path, "posts.jsonl", jsonl(record)))
    assert kept == {
        "id": "9",
        "text": "@USER wrote EMAIL",
        "created_at": "never",
        "user_id": f"hmac:{hashed('forum', '22334455')}",
    }


def test_a_refused_row_keeps_its_columns_in_place(tmp_path: Path) -> None:
    content = 'id\tuser_id\tname\ttext\ttime\n9\t22334455\tJane Doe\t"see @jane_doe, ""now"""\tnever\n'
    kept = payload(tmp_path, "posts.tsv", content).decode()
    assert kept == f'9\thmac:{hashed("forum", "22334455")}\t\t"see @USER, ""now"""\tnever'


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("posts.jsonl", b'{"id":1,"text":"a","created_at":"2026-03-01","user_id":1}\n'
         b'{"id":9,"user_id":22334455,"screen_name":"jane_doe","name":"Jane Doe","text":"hi\\n@jane_doe '
         b'jane@mail.example", oops\n'),
        ("posts.jsonl", b'{"id":1,"text":"a","created_at":"2026-03-01","user_id":1}\n'
         b'{"id":9,"username": "jane_doe","text":"\xff @jane_doe,jane@mail.example"}\n'),
        ("posts.tsv", b"id\tuser_id\ttext\ttime\n9\t22334455\thello @jane_doe\tjane@mail.example\tand more\n"),
        ("posts.tsv", b"id\tuser_id\ttext\ttime\n9\t\t\xff @jane_doe\t2026-03-01\n"),
    ],
)  # fmt: skip
def test_a_line_that_cannot_be_parsed_names_nobody_either(tmp_path: Path, name: str, content: bytes) -> None:
    kept = payload(tmp_path, name, content).decode(errors="surrogateescape")
    assert "9" in kept
    for person in PERSON:
        assert person not in kept


def test_masking_a_broken_line_keeps_its_brackets_and_delimiters(tmp_path: Path) -> None:
    good = jsonl({"id": 1, "text": "a", "created_at": "2026-03-01"}).encode()
    kept = payload(
        tmp_path, "posts.jsonl", good + b'{"id":9,"text":"see http://a.example/b","created_at":"2026-03-01",}\n'
    )
    assert kept == b'{"id":9,"text":"see HTTPURL","created_at":"2026-03-01",}'


def test_payloads_stay_below_the_limit_of_a_kafka_record(tmp_path: Path) -> None:
    good = jsonl({"id": 1, "text": "a" * 99_000, "created_at": "2026-03-01"}).encode()
    for filler in (b"x", b"a@", b"\xff", "é".encode()):
        kept = payload(tmp_path, "posts.jsonl", good + b'{"text": "' + filler * 1_000_000)
        assert len(kept) <= MOST_BYTES


def test_a_refused_record_that_is_mended_keeps_its_author(tmp_path: Path) -> None:
    from services.ingest.accept import accept
    from services.ingest.source import Policy, RawPost
    from shared.events import Post
    from tests.unit.ingest.samples import AT, LIMITS

    content = jsonl({"id": 9, "text": "dizzy", "created_at": "never", "author": "@Jane_Doe"})
    mended = payload(tmp_path, "posts.jsonl", content).replace(b"never", b"2026-03-01")
    [again] = read_text(tmp_path, "mended.jsonl", mended + b"\n")
    assert isinstance(again, RawPost)
    post = accept(again, Policy(), LIMITS, hashed, AT)
    first = accept(raw_post("9", author="@Jane_Doe"), Policy(), LIMITS, hashed, AT)
    assert isinstance(post, Post)
    assert isinstance(first, Post)
    assert post.author == first.author is not None


def test_telephone_numbers_and_handles_of_every_form_leave_a_refused_record(tmp_path: Path) -> None:
    text = "call (202) 555-0134, ask @jane-doe.example.org or jane.bsky.social"
    refused = jsonl({"id": 9, "text": text, "created_at": "never"}).encode()
    broken = b'{"id":9,"text":"' + text.encode() + b'",}\n'
    for content in (refused, jsonl({"id": 1, "text": "a", "created_at": "2026-03-01"}).encode() + broken):
        kept = payload(tmp_path, "posts.jsonl", content).decode()
        assert "call PHONENUMBER" in kept
        assert not {"555", "jane", "doe", "bsky"} & set(kept.replace("-", " ").replace(".", " ").split())
