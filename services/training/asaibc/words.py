"""Words and parts of speech of a Chinese text by jieba's dictionary (rjieba). No torch."""

from __future__ import annotations

import numpy as np

from services.training.asaibc.posts import Numbers, cuts_of
from services.training.extra import with_extra

# First letters of the parts of speech, as ICTCLAS names them; names of persons, places and organisations apart.
PARTS = ("", "n", "nr", "ns", "nt", "nz", "v", "a", "r", "m", "q", "d", "p", "c", "u", "t", "x", "eng", "i", "l", "j")


def tagged(text: str) -> list[tuple[str, str]]:
    """The words of a text, which joined are the text, each with its part of speech."""
    return list(with_extra("rjieba").tag(text))


def features(text: str) -> Numbers:
    """[characters, 2]: a character's place in its word (as `posts.CUTS`), and its word's part of speech (as `PARTS`)."""
    words = tagged(text)
    parts = [part_number(part) for word, part in words for _ in word]
    return np.stack([cuts_of([word for word, _ in words]), np.array(parts, dtype=np.int64)], axis=1)


def part_number(part: str) -> int:
    """Of a part of speech, by the longest name in `PARTS` that it begins with; 0 for others."""
    return max((at for at, name in enumerate(PARTS) if part.startswith(name)), key=lambda at: len(PARTS[at]))
