"""The sketch of a report: near for copies, far for others, and of no use to whoever lacks the key."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

import pytest
from datasketch import MinHash
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import BadMessage
from shared.events import Outcome, decode, encode, now
from shared.settings import load
from shared.text.clean import mask
from shared.text.sketch import (
    SECRET_FILE,
    SKETCH_BYTES,
    estimate,
    minhash,
    near_sketch,
    sketch_key,
    without_hashtags_at_the_ends,
)
from tests.unit.cases.near_pairs import APART, NEAR, RASH, SHOCK

KEY = b"the key of the tests"


def between(one: str, other: str) -> float:
    first, second = (near_sketch(mask(text), KEY) for text in (one, other))
    assert first is not None
    assert second is not None
    return estimate(first, second)


# Half a text is more than a small change: it lies at the threshold, on this side or that.
@pytest.mark.parametrize("name", [name for name in NEAR if name != "first half only"])
def test_a_report_told_again_is_similar(name: str) -> None:
    assert between(*NEAR[name]) >= 0.55


@pytest.mark.parametrize("name", [name for name in APART if near_sketch(APART[name][0], KEY)])
def test_another_report_is_not(name: str) -> None:
    one, other = APART[name]
    if near_sketch(other, KEY) is not None:
        assert between(one, other) < 0.4


@pytest.mark.parametrize(
    "text",
    ["zoloft gave me a headache", "got a terrible headache from lisinopril. day 9", "", "#zoloft #headache " * 20,
     "HTTPURL " * 30, "no " * 200],
)  # fmt: skip
def test_a_text_of_few_words_has_no_sketch(text: str) -> None:
    assert near_sketch(text, KEY) is None


@pytest.mark.parametrize(
    "copy",
    [RASH + " https://example.org/1 #rash #amoxicillin", "#rash #penicillin " + RASH, RASH.upper() + " 😡",
     "RT @friend: " + RASH, "".join(chr(0x1D5EE + ord(c) - 97) if c in "abcdefghijklmnopqrstuvwxyz" else c for c in RASH)],
)  # fmt: skip
def test_what_is_hung_on_a_copy_changes_nothing(copy: str) -> None:
    assert between(RASH, copy) == 1.0


def test_hashtags_among_words_are_words() -> None:
    assert between(RASH, RASH.replace("amoxicillin", "#amoxicillin")) == 1.0


def test_a_sketch_is_the_same_for_ever() -> None:
    """Sketches lie in topics and in Redis: those of another version of the program must be comparable with them."""
    assert near_sketch(RASH, KEY) == bytes.fromhex("c2559415c52f92561ffc2eb4821b7b858d4a6ea6793f8814ab9bf978b5edf230")


@given(st.text(alphabet="abcdefgh çé你", min_size=80), st.integers(1, 300))
def test_the_numbers_are_those_of_datasketch(text: str, count: int) -> None:
    words = " ".join(text.split())
    reference = MinHash(
        num_perm=count,
        seed=1,
        hashfunc=lambda piece: int.from_bytes(hashlib.blake2b(piece, digest_size=4, key=KEY).digest(), "little"),
    )
    reference.update_batch({words[at : at + 4].encode() for at in range(len(words) - 3)})
    found = minhash(text, KEY, count, 1)
    assert found is None or found.tolist() == reference.hashvalues.tolist()


def test_without_the_key_the_text_itself_does_not_find_its_sketch() -> None:
    sketch = near_sketch(SHOCK, KEY)
    guesses = [near_sketch(SHOCK, f"a guess {number}".encode()) for number in range(200)]
    assert max(estimate(sketch, guess) for guess in guesses if guess is not None and sketch is not None) < 0.4


@given(st.text(max_size=300), st.binary(min_size=1, max_size=64))
def test_any_text_has_a_sketch_or_is_too_short(text: str, key: bytes) -> None:
    found = near_sketch(text, key)
    assert found is None or len(found) == SKETCH_BYTES


def test_the_key_is_made_once_and_a_setting_goes_before_it(tmp_path: Path) -> None:
    made = sketch_key(load(data_dir=tmp_path))
    assert sketch_key(load(data_dir=tmp_path)) == made
    assert (tmp_path / SECRET_FILE).stat().st_mode & 0o077 == 0
    given = load(data_dir=tmp_path, sketch_secret="sixteen letters or more")
    assert sketch_key(given) not in (made, given.sketch_secret)


def test_outcomes_of_earlier_versions_have_no_sketch_and_one_of_another_length_is_refused() -> None:
    sketch = near_sketch(RASH, KEY)
    outcome = Outcome(post_id="p", status="negative", created_at=now(), model_version="m", sketch=sketch)
    assert decode(encode(outcome), Outcome) == outcome
    fields = json.loads(encode(outcome))
    del fields["sketch"]
    assert decode(json.dumps(fields).encode(), Outcome).sketch is None
    with pytest.raises(BadMessage, match="sketch"):
        decode(json.dumps({**fields, "sketch": "AAAA"}).encode(), Outcome)


@given(st.lists(st.sampled_from(["#", "a", "_", " ", "\n", "!", "HTTPURL", "#a ", "so"]), max_size=14).map("".join))
def test_hashtags_at_the_ends_go_and_those_among_words_stay(text: str) -> None:
    # The pattern says what is meant; its own time grows with the square of the number of hashtags.
    meant = re.compile(r"^(?:\s*#\w+)+|(?:#\w+\s*|HTTPURL\s*)+$")
    assert without_hashtags_at_the_ends(text) == meant.sub("", text)
