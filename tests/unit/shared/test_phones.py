"""Telephone numbers are masked; numbers that drug safety needs are not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.text.clean import mask
from shared.text.phones import PHONE_MASK, mask_phones

_PATTERNS = [
    "+44 20 7946 0###",
    "+1 (202) 555-01##",
    "+49-30-23125-###",
    "+33199000###",
    "0044 20 7946 0###",
    "(202) 555-01##",
    "(020) 7946 0###",
    "202-555-01##",
    "202.555.01##",
    "1-202-555-01##",
    "020 7946 0###",
    "07700 900###",
    "07700 900 ###",
    "030/23125###",
    "01 99 00 ## ##",
]
_ANNOUNCED = ["20255501##", "555-01##", "77009 00###", "2025550###"]
_WORDS = ["call ", "Call me at ", "tel: ", "phone number is ", "WhatsApp me on ", "text "]
_KEPT = [
    "500 mg",
    "10,000 IU",
    "2.5-7.5 mg",
    "0.5 mg/kg",
    "120/80",
    "150-400",
    "100-1000 mg",
    "4 000 000 IU",
    "2019-04-12",
    "2019-04-12T10:30:00",
    "12/04/2019",
    "12.04.2019",
    "04-12-2019",
    "01 02 2019",
    "2010-2015",
    "0002-8215-01",
    "0409-1181-30",
    "0173-0697-00",
    "50242-040-62",
    "12345-6789-0",
    "00002821501",
    "012345-6789-01",
    "lot EN6201",
    "lot 1234567890",
    "LOT# 048B21A",
    "NCT04368728",
    "platelets 150 000",
    "1,234,567",
    "CD4 350",
]


def _filled(pattern: str, digits: list[int]) -> str:
    left = iter(digits)
    return "".join(str(next(left)) if sign == "#" else sign for sign in pattern)


_DIGITS = st.lists(st.integers(0, 9), min_size=5, max_size=5)
_AROUND = st.sampled_from(["", "ugh ", "nausea since monday, ", "(", "2 pills; "])


@given(st.sampled_from(_PATTERNS), _DIGITS, _AROUND)
def test_a_number_is_masked_for_its_form(pattern: str, digits: list[int], before: str) -> None:
    assert mask(f"{before}{_filled(pattern, digits)} after") == f"{before}{PHONE_MASK} after"


@given(st.sampled_from(_PATTERNS + _ANNOUNCED), st.sampled_from(_WORDS), _DIGITS, _DIGITS)
def test_a_number_is_masked_for_the_word_before_it(pattern: str, word: str, one: list[int], two: list[int]) -> None:
    masked = mask(f"{word}{_filled(pattern, one)} or {_filled(pattern, two)}.")
    assert masked == f"{word}{PHONE_MASK} or {PHONE_MASK}."


@pytest.mark.parametrize("number", _KEPT)
@pytest.mark.parametrize("before", ["", "took ", "since ", "they called on ", "I had to text "])
def test_numbers_of_drug_safety_stay(number: str, before: str) -> None:
    text = f"{before}{number}, then a rash"
    assert mask(text) == text


def test_a_row_of_doses_stays() -> None:
    assert mask("went 05 10 15 20 25 mg over weeks") == "went 05 10 15 20 25 mg over weeks"


@given(st.text(alphabet="0123456789 +-()./,calor\n", max_size=80))
def test_masking_numbers_twice_changes_nothing_more(text: str) -> None:
    assert mask_phones(mask_phones(text)) == mask_phones(text)


@given(
    st.floats(0.01, 5000, allow_nan=False).map(lambda x: f"{x:g}"),
    st.sampled_from(["mg", "ml", "mcg", " mg", " IU", " units"]),
    st.dates().map(str),
)
def test_doses_and_dates_stay(dose: str, unit: str, day: str) -> None:
    text = f"on {day} took {dose}{unit} and again {day}"
    assert mask(text) == text
