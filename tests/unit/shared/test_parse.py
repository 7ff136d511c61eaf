"""Parses stay the same, and the parser stays small, however many posts it has seen."""

from __future__ import annotations

import pytest

from shared.text import spacy_parser
from shared.text.parse import default_parser
from tests.unit.models.samples import POSTS

POST = "since i started lipitor my legs ache all night."


def test_the_parser_forgets_the_words_of_earlier_posts_and_parses_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spacy_parser, "_KEPT_WORDS", 40)
    monkeypatch.setattr(spacy_parser, "_ZONE_WORDS", 40)
    parser = spacy_parser.SpacyParser()
    strings = parser._nlp.vocab.strings
    first = parser.parse([POST])
    loaded, most = len(strings), 0
    for start in range(0, 200, 10):
        parser.parse([f"zzword{number} qqword{number}" for number in range(start, start + 10)])
        most = max(most, len(strings))
        assert parser.parse([POST]) == first
    # The first are kept, whoever comes later goes with its zone.
    assert "zzword5" in strings
    assert "zzword150" not in strings
    assert most < loaded + 140


def test_a_post_has_a_token_for_each_word_and_every_head_lies_in_the_post() -> None:
    (found,) = default_parser().parse([POST])
    words = [POST[token.start : token.end] for token in found.tokens]
    assert words == [*POST.removesuffix(".").split(), "."]
    assert all(0 <= token.head < len(words) for token in found.tokens)
    assert "nsubj" in {token.label for token in found.tokens}


def test_products_by_numpy_give_the_parses_that_products_by_blis_give() -> None:
    parser = spacy_parser.SpacyParser()
    used = {layer.ops for _, component in parser._nlp.pipeline for layer in component.model.walk()}
    assert not any(ops.use_blis for ops in used)
    ours = parser.parse(POSTS)
    for ops in used:
        ops.use_blis = True
    try:
        assert parser.parse(POSTS) == ours
    finally:
        for ops in used:
            ops.use_blis = False
