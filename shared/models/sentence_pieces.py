"""Where words begin among the pieces of a SentencePiece tokenizer, whose marks stand for spaces and know no other boundary.

Languages without spaces would be one word a sentence, and "l'aspirine" or "(тошнота" would be one with what is glued before it.
So a word begins wherever BERT's tokenizer would begin one: behind white space, at punctuation and behind it, and at each piece
of a script that is written without spaces.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

# SentencePiece's (U+2581).
MARK = "▁"
# What belongs to features of such tokenizers alone; changes whenever this file computes something else.
VERSION = 1
# First and last code point of Han with its extensions, kana, Thai with Lao: a letter is not joined to the one before it.
_UNSPACED = (
    (0x0E00, 0x0EFF),
    (0x3040, 0x30FF),
    (0x3400, 0x4DBF),
    (0x4E00, 0x9FFF),
    (0xF900, 0xFAFF),
    (0x20000, 0x3FFFF),
)


def marked(tokenizer: Tokenizer) -> bool:
    """Whether a tokenizer's pieces carry SentencePiece's mark."""
    return any(piece.startswith(MARK) for piece in tokenizer.get_vocab(with_added_tokens=True))


def boundaries(
    text: str, pieces: Sequence[str], places: Sequence[tuple[int, int]]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
    """Starts and ends of pieces [pieces] in the text, without the white space before them, and whether each begins a word.

    A mark by itself begins none: the piece behind it does.
    """
    starts = [_past_spaces(text, start, end) for start, end in places]
    ends = [end for _, end in places]
    begins = [
        piece != MARK and start < end and not _joined(text, start)
        for piece, start, end in zip(pieces, starts, ends, strict=True)
    ]
    return np.asarray(starts, dtype=np.int64), np.asarray(ends, dtype=np.int64), np.asarray(begins, dtype=np.bool_)


def _past_spaces(text: str, start: int, end: int) -> int:
    while start < end and text[start].isspace():
        start += 1
    return start


def _joined(text: str, at: int) -> bool:
    """Whether the character goes on with the word of the one before it."""
    return at > 0 and _letter(text[at]) and _letter(text[at - 1])


def unspaced(character: str) -> bool:
    """Whether a character belongs to a script that is written without spaces between words."""
    return any(first <= ord(character) <= last for first, last in _UNSPACED)


def _letter(character: str) -> bool:
    if character.isascii():
        return character.isalnum()
    if unspaced(character):
        return False
    return character.isalnum() or unicodedata.category(character).startswith("M")
