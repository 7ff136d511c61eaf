"""How words are written, as the models see it."""

from __future__ import annotations

import pytest

from shared.models.orthography import KINDS, kind

NAMES = [name for name, _ in KINDS]


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("@user", "handle"),
        ("httpurl", "address"),
        ("#sleepless", "hashtag"),
        ("12", "number"),
        ("2.5", "number"),
        ("40mg", "dose"),
        ("b12", "mixed"),
        ("sooo", "drawn out"),
        ("n't", "contraction"),
        ("anti-nausea", "hyphenated"),
        ("ill", "short word"),
        ("headache", "word"),
        ("...", "stop"),
        (",", "comma"),
        ("(", "bracket"),
        ("&", "mark"),
        ("übel", "letters"),
        ("🤢", "symbol"),
        ("", "symbol"),
    ],
)
def test_a_word_has_the_first_kind_that_fits(word: str, expected: str) -> None:
    assert NAMES[kind(word) - 1] == expected


def test_zero_is_left_for_pieces_outside_of_words() -> None:
    assert min(kind(word) for word in ("a", "1", "?", " ")) >= 1
