"""Pieces of a name in a script without spaces, each of which is said to begin a name, are one name."""

from __future__ import annotations

import numpy as np
import pytest

from shared.models.decode import BEGIN, OUTSIDE, TAGS, spans_of_posts
from shared.models.features import Pieces


def spans(text: str, tags: list[int]) -> list[str]:
    """Every character a piece and a word."""
    count = len(text)
    pieces = Pieces(np.arange(count), np.arange(count) + 1, np.ones(count, dtype=np.bool_))
    emissions = np.zeros((count, TAGS), dtype=np.float32)
    emissions[np.arange(count), tags] = 9.0
    (found,) = spans_of_posts([pieces], [emissions], [text], ["drug"], [0.0])
    return [text[span.start : span.end] for span in found]


@pytest.mark.parametrize(
    ("text", "tags", "names"),
    [
        ("吃舍曲林了", [OUTSIDE, BEGIN, BEGIN, BEGIN, OUTSIDE], ["舍曲林"]),
        ("舍，林", [BEGIN, OUTSIDE, BEGIN], ["舍", "林"]),
        ("舍曲林", [BEGIN, OUTSIDE, BEGIN], ["舍", "林"]),
        # Latin letters stand apart where a model says so.
        ("ab", [BEGIN, BEGIN], ["a", "b"]),
    ],
)
def test_touching_pieces_are_joined_in_such_scripts_alone(text: str, tags: list[int], names: list[str]) -> None:
    assert spans(text, tags) == names
