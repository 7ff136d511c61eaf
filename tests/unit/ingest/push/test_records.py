"""From bodies to items: every record becomes something, and nothing that names people is kept of one that is refused."""

from __future__ import annotations

import functools
import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingest.networks.keys import Names
from services.ingest.networks.network import AuthorGone, Passed, PostGone
from services.ingest.push.records import BadBodyError, deletion_of, post_of, split
from services.ingest.recipe import decode_recipe
from services.ingest.source import RawPost, Reject
from shared.keyring import Keyring
from shared.text.identity import author_hash, post_hash

SECRET = "a secret of authors for tests"
KEYRING = Keyring.of(SECRET)
NAMES = Names("vendor", lambda: KEYRING, keeps_ids=False, keeps_identifiers=True, future=600.0)
OPEN = Names("vendor", lambda: KEYRING, keeps_ids=True, keeps_identifiers=True, future=600.0)
NOBODY = Names("vendor", lambda: KEYRING, keeps_ids=False, keeps_identifiers=False, future=600.0)
RIGHT = {"id": "anna/1", "text": "zoloft", "created_at": "2026-05-04T03:02:01Z", "author": "anna", "language": "en-GB"}

take = functools.partial(post_of, index=3, names=NAMES, languages=())


def record(**changes: Any) -> bytes:
    return json.dumps({key: value for key, value in (RIGHT | changes).items() if value is not None}).encode()


json_values = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False) | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3),
)


@given(st.lists(st.dictionaries(st.text(), json_values, max_size=3), max_size=5))
def test_lines_and_array_are_split_into_the_same_records(records: list[dict[str, Any]]) -> None:
    written = [json.dumps(one) for one in records]
    lines = split("\n".join(written).encode(), lines=True)
    assert lines == split(f"[{', '.join(written)}]".encode(), lines=False) == [one.encode() for one in written]
    other_ends = split("\r\n\n".join(written).encode(), lines=True)
    assert [json.loads(one) for one in other_ends] == records


@pytest.mark.parametrize("body", [b"", b"{}", b"[1", b"null", b"\xff", b"[" * 100_000, b'{"id": 1}\n{"id": 2}'])
def test_what_is_no_array_is_no_body(body: bytes) -> None:
    with pytest.raises(BadBodyError, match="no JSON array"):
        split(body, lines=False)


def test_a_post_is_named_by_a_hash_and_nothing_of_it_but_the_source_is_the_sender_s_to_say() -> None:
    item = take(record(source="x", extra={"deep": [1]}))
    assert isinstance(item, RawPost)
    assert item.post_id == f"vendor:{post_hash(SECRET, 'vendor', 'anna/1')}"
    assert (item.text, item.author, item.language) == ("zoloft", "anna", "en-gb")
    kept = post_of(record(id=77), 0, OPEN, ())
    assert isinstance(kept, RawPost)
    assert kept.post_id == "vendor:77"


def test_posts_that_state_another_language_are_passed_over() -> None:
    # One that no broker would take is no language.
    endless = "de" + "-aaaaaaaa" * 100_000
    for language, word in (("de", Passed("language")), ("en_US", None), (None, None), ("und", None), (endless, None)):
        found = post_of(record(language=language), 0, NAMES, ("en",))
        assert (found == word) if word else isinstance(found, RawPost)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b'{"id": "anna/1", "text": "zoloft"', "bad-json"),
        (b'["anna"]', "not-an-object"),
        (b'{"id": "anna\xff"}', "not-utf8"),
        (record(text="anna " * 300_000), "line-too-long"),
        (record(id=None), "no-id"),
        (record(id="anna 1"), "bad-id"),
        (record(id="a" * 501), "bad-id"),
        (record(created_at=None), "no-time"),
        (record(created_at="yesterday"), "bad-time"),
        (record(text=None), "no-text"),
        (record(text=["anna"]), "no-text"),
    ],
)
def test_a_refused_record_says_why_and_keeps_nobody_s_name(data: bytes, reason: str) -> None:
    item = take(data)
    assert isinstance(item, Reject)
    assert item.reason == reason
    assert item.origin.line == 3
    for kept in (item.payload, item.detail.encode(), (item.post_id or "").encode()):
        assert b"anna" not in kept
        assert b"aaaa" not in kept


def test_a_refused_record_can_be_mended_under_its_own_id() -> None:
    item = take(record(created_at="yesterday"))
    assert isinstance(item, Reject)
    kept = msgspec.json.decode(item.payload)
    assert f"vendor:{kept['id']}" == item.post_id == f"vendor:{post_hash(SECRET, 'vendor', 'anna/1')}"
    assert kept["author"] == f"hmac:{author_hash(SECRET, 'vendor', 'anna')}"
    recipe = decode_recipe(item.origin.recipe)
    assert (recipe.format, recipe.source, recipe.columns["time"]) == ("jsonl", "vendor", "created_at")


@given(st.binary(max_size=200) | json_values.map(lambda value: json.dumps(value).encode()))
def test_any_record_becomes_something(data: bytes) -> None:
    assert isinstance(take(data), RawPost | Reject)
    assert isinstance(deletion_of(data, 0, NAMES), PostGone | AuthorGone | Reject)


@given(st.dictionaries(st.sampled_from([*RIGHT, "source"]), json_values | st.sampled_from([*RIGHT.values()])))
def test_any_values_of_the_fields_become_something_of_this_source(values: dict[str, Any]) -> None:
    item = take(json.dumps(values).encode())
    assert isinstance(item, RawPost | Reject)
    name = item.post_id
    assert name is None or name.startswith("vendor:")


def test_a_deletion_names_a_post_or_an_author_and_not_both() -> None:
    gone = f"vendor:{post_hash(SECRET, 'vendor', 'anna/1')}"
    assert deletion_of(b'{"id": "anna/1"}', 0, NAMES) == PostGone(gone)
    assert deletion_of(b'{"author": "anna"}', 0, NAMES) == AuthorGone("anna")
    for data, names, reason in (
        (b'{"id": "anna/1", "author": "anna"}', NAMES, "no-id"),
        (b"{}", NAMES, "no-id"),
        (b'{"id": "a b"}', NAMES, "bad-id"),
        (b'{"author": "anna"}', NOBODY, "no-authors"),
        (b'"anna/1"', NAMES, "not-an-object"),
        (record(author=None), NAMES, "not-a-deletion"),
        (b'{"id": "anna/1", "text": null}', NAMES, "not-a-deletion"),
        (b'{"id": "anna/1", "created_at": 1}', NAMES, "not-a-deletion"),
    ):
        found = deletion_of(data, 0, names)
        assert isinstance(found, Reject)
        assert found.reason == reason
