"""Decoding: legal sequences only, rows apart, spans where the text is."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from shared.models.decode import BEGIN, INSIDE, OUTSIDE, PART, Span, runs, spans_of_posts, viterbi, whole
from shared.models.features import Pieces

SCORES = arrays(np.float32, (3, 4, 3), elements=st.integers(-40, 40).map(lambda value: value / 8))


@settings(max_examples=30, deadline=None)
@given(SCORES, st.lists(st.integers(1, 4), min_size=3, max_size=3))
def test_the_path_found_is_the_best_of_all_legal_paths(scores: np.ndarray, lengths: list[int]) -> None:
    tags = viterbi(scores, np.asarray(lengths))
    for row, length in enumerate(lengths):
        legal = [
            path
            for path in itertools.product((OUTSIDE, BEGIN, INSIDE), repeat=length)
            if all(tag != INSIDE or (at and path[at - 1] != OUTSIDE) for at, tag in enumerate(path))
        ]
        best = max(sum(float(scores[row, at, tag]) for at, tag in enumerate(path)) for path in legal)
        found = tags[row, :length].tolist()
        assert tuple(found) in legal
        assert sum(float(scores[row, at, tag]) for at, tag in enumerate(found)) == pytest.approx(best)
        assert not tags[row, length:].any()


@settings(max_examples=20, deadline=None)
@given(SCORES)
def test_a_row_alone_has_the_tags_it_has_among_others(scores: np.ndarray) -> None:
    lengths = np.asarray([4, 3, 1])
    together = viterbi(scores, lengths)
    for row, length in enumerate(lengths):
        alone = viterbi(scores[row : row + 1, :length], lengths[row : row + 1])
        np.testing.assert_array_equal(alone[0], together[row, :length])


def test_neighbouring_mentions_stay_apart() -> None:
    assert runs(np.asarray([BEGIN, INSIDE, BEGIN, OUTSIDE, BEGIN])) == [(0, 2), (2, 3), (4, 5)]


def test_types_may_overlap_and_offsets_count_in_the_post() -> None:
    text = "dry mouth, ok"
    pieces = Pieces(np.asarray([0, 4, 9, 11]), np.asarray([3, 9, 10, 13]), np.asarray([True] * 4))
    outside, begin, inside = [4.0, 0, 0], [0, 4.0, 0], [0, 0, 4.0]
    emissions = np.asarray([begin + outside, inside + begin, inside + outside, outside + outside], dtype=np.float32)
    [spans] = spans_of_posts([pieces], [emissions], [text], ["reaction", "indication"], [0.0, 0.0])
    assert [(span.type, text[span.start : span.end]) for span in spans] == [
        ("reaction", "dry mouth"),
        ("indication", "mouth"),
    ]
    assert all(0 <= span.score <= 1 for span in spans)


def test_a_bias_towards_outside_removes_weak_spans() -> None:
    pieces = Pieces(np.asarray([0]), np.asarray([4]), np.asarray([True]))
    emissions = [np.asarray([[0.0, 0.4, 0.0]], dtype=np.float32)]
    assert spans_of_posts([pieces], emissions, ["rash"], ["reaction"], [0.0])[0]
    assert not spans_of_posts([pieces], emissions, ["rash"], ["reaction"], [1.0])[0]


def test_posts_without_words_have_no_spans() -> None:
    none = Pieces(np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.bool_))
    assert spans_of_posts([none], [np.zeros((0, 3), dtype=np.float32)], [""], ["reaction"], [0.0]) == [[]]


def part(text: str, word: str, score: float = 0.8) -> Span:
    start = text.index(word)
    return Span(start, start + len(word), PART, score)


def test_fragments_make_discontinuous_reactions_with_the_first_of_their_group() -> None:
    text = "pain in legs, arms and back. also numb toes"
    found = whole([part(text, "pain in"), part(text, "arms", 0.6), part(text, "back")], text)
    assert [[text[start:end] for start, end in span.places] for span in found] == [
        ["pain in", "arms"],
        ["pain in", "back"],
    ]
    assert {span.type for span in found} == {"reaction"}
    assert found[0].score == 0.7
    assert text[found[0].start : found[0].end] == "pain in legs, arms"


def test_a_fragment_without_company_in_its_sentence_is_dropped() -> None:
    text = "pain in legs, arms and back. also numb toes"
    assert whole([part(text, "pain in"), part(text, "numb")], text) == []


def test_spans_of_one_piece_stay_as_they_are() -> None:
    span = Span(0, 4, "reaction", 0.9)
    assert whole([span], "pain in legs") == [span]
    assert span.places == ((0, 4),)
