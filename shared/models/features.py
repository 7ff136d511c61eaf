"""From a post and its parse to model inputs: word pieces, characters, dependency pairs, word classes; windows and batches.

The three levels are those of the charCNN + BERT + dependency-pair classifier (Frontiers in Economics and Management
2(3), 2021): an alphabet of 70 characters, BERT word pieces, and pairs of a word with its head. Part of speech and orthography
are features of the recogniser of Applied Sciences 12(1), 491, 2022. Everything here depends on one post only, never on its
neighbours in a batch, so that a decision cannot either.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from shared.models import sentence_pieces
from shared.models.orthography import KINDS, kind
from shared.text.clean import model_text
from shared.text.parse import MAX_CHARACTERS, Parse

Inputs = dict[str, NDArray[Any]]

# The character table of Zhang et al. 2015: 68 printed characters (the minus is printed twice), space, new line: 70.
ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789-,;.!?:'\"/\\|_@#$%^&*~`+=<>()[]{} \n"
# Changes whenever this file computes something else from the same post; models record the value they were trained with.
FEATURE_VERSION = 2
# What every model reads, and what those read that know word classes: parts of speech and orthography.
LEVEL_INPUTS = ("input_ids", "lengths", "char_ids", "dep_labels", "dep_heads")
CLASS_INPUTS = ("tags", "shapes")
# Rows of one batch: bounds the memory of one inference call whatever a post's length, and its tensors fit the
# processor's cache (measured: 198 posts/s a core with 16 rows, 172 with 32).
MAX_ROWS = 16

_CHARACTER_IDS = {character: index + 1 for index, character in enumerate(ALPHABET)}
_CURLY = {"’": "'", "‘": "'", "“": '"', "”": '"', "–": "-", "—": "-"}
_CHARACTER_IDS.update({curly: _CHARACTER_IDS[plain] for curly, plain in _CURLY.items()})
# The same by code point; the last entry stands for all that lie beyond.
_NUMBERS = np.zeros(max(map(ord, _CHARACTER_IDS)) + 2, dtype=np.int32)
_NUMBERS[[ord(character) for character in _CHARACTER_IDS]] = list(_CHARACTER_IDS.values())


@dataclass(frozen=True, slots=True)
class FeatureSpec:
    """The settings that training fixes and serving repeats; they live in the model's metadata.

    `buckets`: lengths in word pieces to which windows are padded, ascending; the last is the longest window.
    `overlap`: word pieces that two neighbouring windows of a long post share.
    `word_characters`: characters of a word that its pieces see.
    `labels`: dependency labels; their index + 1 is their number, 0 stands for any other. `tags`: parts of speech, alike;
    a model without any reads no word classes.
    """

    buckets: tuple[int, ...]
    overlap: int
    word_characters: int
    labels: tuple[str, ...]
    tags: tuple[str, ...] = ()

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of the inputs, in the order of the network's arguments."""
        return LEVEL_INPUTS + (CLASS_INPUTS if self.tags else ())

    def digest(self, tokenizer_json: str, parser_version: str) -> str:
        """Sixteen hexadecimal digits over all that decides what a model reads. Equal digests: equal inputs."""
        kinds = [(name, pattern.pattern) for name, pattern in KINDS]
        parts: tuple[object, ...] = (
            FEATURE_VERSION,
            ALPHABET,
            kinds,
            MAX_CHARACTERS,
            self,
            tokenizer_json,
            parser_version,
        )
        if "Metaspace" in tokenizer_json:
            parts += (sentence_pieces.VERSION,)
        return hashlib.blake2b(repr(parts).encode(), digest_size=8).hexdigest()


@dataclass(frozen=True, slots=True)
class Window:
    """Up to `buckets[-1]` word pieces of one post with [CLS] and [SEP] around them.

    `first`: index of the first piece within the post. `arrays`: unpadded inputs.
    """

    first: int
    arrays: Inputs

    @property
    def pieces(self) -> int:
        """Pieces of the post in this window, without [CLS] and [SEP]."""
        return len(self.arrays["input_ids"]) - 2


@dataclass(frozen=True, slots=True)
class Pieces:
    """Word pieces of one post: characters [start, end) in the post, and whether a piece begins a word."""

    starts: NDArray[np.int64]
    ends: NDArray[np.int64]
    word_starts: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Words:
    """The words of one parse as arrays [words + 1]: places, index of the head, number of the label. The last stands for none."""

    starts: NDArray[np.int64]
    ends: NDArray[np.int64]
    heads: NDArray[np.int64]
    labels: NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Reading:
    """One post made ready: its pieces and its windows. Models of one digest can share it."""

    pieces: Pieces
    windows: list[Window]


@dataclass(frozen=True, slots=True)
class Encoded:
    """Posts made ready: `batches` go to the model one by one, in this order; the rest reads its outputs back.

    `rows`: the windows of each batch, each with the index of its post.
    """

    batches: list[Inputs]
    rows: list[list[tuple[int, Window]]]
    pieces: list[Pieces]


class FeatureBuilder:
    """Builds the inputs of both models from posts and parses."""

    def __init__(self, tokenizer: Tokenizer, spec: FeatureSpec) -> None:
        tokenizer.no_truncation()
        tokenizer.no_padding()
        self._tokenizer = tokenizer
        self._spec = spec
        self._labels = {label: index + 1 for index, label in enumerate(spec.labels)}
        self._tags = {tag: index + 1 for index, tag in enumerate(spec.tags)}
        # BERT's names of the two; MPNet and RoBERTa have others.
        self._cls, self._sep = (_number(tokenizer, names) for names in (("[CLS]", "<s>"), ("[SEP]", "</s>")))
        self._marked = sentence_pieces.marked(tokenizer)
        self._begins = _word_starts(tokenizer)
        self._view = np.arange(spec.word_characters)

    def encode(self, posts: Sequence[str], parses: Sequence[Parse]) -> Encoded:
        """Inputs for all posts, read and arranged."""
        return self.arrange([self.read(post, parse) for post, parse in zip(posts, parses, strict=True)])

    def arrange(self, readings: Sequence[Reading]) -> Encoded:
        """Batches of all windows: sorted by length, padded to their bucket, at most `MAX_ROWS` a batch."""
        windows = [(index, window) for index, reading in enumerate(readings) for window in reading.windows]
        rows = list(self._grouped(windows))
        batches = [pad([window for _, window in group], self._bucket(group[0][1])) for group in rows]
        return Encoded(batches, rows, [reading.pieces for reading in readings])

    def read(self, post: str, parse: Parse) -> Reading:
        """The pieces of one post and its windows; a post without pieces has one window of [CLS] [SEP]."""
        text = model_text(post[:MAX_CHARACTERS])
        ids, pieces = self.pieces(text)
        words = self.words(parse)
        of_piece = word_of_piece(pieces.starts, words)
        labels, heads = _pairs(pieces, words, of_piece)
        of_pieces = {"char_ids": self.characters(text, pieces, words, of_piece), "dep_labels": labels}
        if self._spec.tags:
            of_pieces |= zip(CLASS_INPUTS, self._classes(text, parse, of_piece), strict=True)
        longest = self._spec.buckets[-1] - 2
        step = longest - self._spec.overlap
        cuts = range(0, max(1, len(ids) - self._spec.overlap), step) if len(ids) > longest else range(1)
        cut = [
            Window(first, self._window(first, min(first + longest, len(ids)), ids, heads, of_pieces)) for first in cuts
        ]
        return Reading(pieces, cut)

    def pieces(self, text: str) -> tuple[NDArray[np.int32], Pieces]:
        """Numbers and places of the word pieces of a model text, without [CLS] and [SEP]."""
        encoding = self._tokenizer.encode(text, add_special_tokens=False)
        ids = np.asarray(encoding.ids, dtype=np.int32)
        if self._marked:
            return ids, Pieces(*sentence_pieces.boundaries(text, encoding.tokens, encoding.offsets))
        offsets = np.asarray(encoding.offsets, dtype=np.int64).reshape(-1, 2)
        return ids, Pieces(offsets[:, 0], offsets[:, 1], self._begins[ids])

    def _window(
        self, first: int, last: int, ids: NDArray[np.int32], heads: NDArray[np.int64], of_pieces: Inputs
    ) -> Inputs:
        size = last - first + 2
        own = np.arange(size, dtype=np.int32)
        numbers = np.empty(size, dtype=np.int32)
        numbers[0], numbers[1:-1], numbers[-1] = self._cls, ids[first:last], self._sep
        inside = heads[first:last] - first
        # A head outside the window, like a missing one, is replaced by the word itself.
        here = (heads[first:last] >= 0) & (inside >= 0) & (inside < last - first)
        pointed = own.copy()
        pointed[1:-1] = np.where(here, inside + 1, own[1:-1])
        window: Inputs = {"input_ids": numbers, "dep_heads": pointed}
        for name, values in of_pieces.items():
            window[name] = np.zeros((size, *values.shape[1:]), dtype=np.int32)
            window[name][1:-1] = values[first:last]
        return window

    def characters(self, text: str, pieces: Pieces, words: Words, of_piece: NDArray[np.int64]) -> NDArray[np.int32]:
        """Character numbers [pieces, word_characters] of the word around each piece, 0 beyond the word."""
        width = self._spec.word_characters
        known = of_piece >= 0
        begin = np.where(known, words.starts[of_piece], pieces.starts)
        end = np.where(known, words.ends[of_piece], pieces.ends)
        # In a word longer than the view, the view moves along with the piece.
        begin = np.maximum(begin, np.minimum(pieces.starts - width // 4, end - width))
        index = begin[:, None] + self._view
        codes = _character_numbers(text)
        return np.where(index < end[:, None], codes[np.minimum(index, len(text))], np.int32(0))

    def words(self, parse: Parse) -> Words:
        """What the features need of a parse."""
        rows = [(token.start, token.end, token.head, self._labels.get(token.label, 0)) for token in parse.tokens]
        # The last one is no word: index -1, which stands for none, leads to it.
        rows.append((0, 0, 0, 0))
        table = np.asarray(rows, dtype=np.int64).T
        return Words(table[0], table[1], table[2], table[3].astype(np.int32))

    def _classes(
        self, text: str, parse: Parse, of_piece: NDArray[np.int64]
    ) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """For each piece the numbers of its word's part of speech and of the way in which the word is written."""
        tags = np.asarray([self._tags.get(token.tag, 0) for token in parse.tokens] + [0], dtype=np.int32)
        shapes = np.asarray([kind(text[token.start : token.end]) for token in parse.tokens] + [0], dtype=np.int32)
        return tags[of_piece], shapes[of_piece]

    def _bucket(self, window: Window) -> int:
        return next(size for size in self._spec.buckets if len(window.arrays["input_ids"]) <= size)

    def _grouped(self, windows: list[tuple[int, Window]]) -> Iterator[list[tuple[int, Window]]]:
        group: list[tuple[int, Window]] = []
        for window in sorted(windows, key=lambda window: len(window[1].arrays["input_ids"])):
            if group and (len(group) == MAX_ROWS or self._bucket(group[0][1]) != self._bucket(window[1])):
                yield group
                group = []
            group.append(window)
        if group:
            yield group


def _number(tokenizer: Tokenizer, names: Sequence[str]) -> int:
    return next(number for name in names if (number := tokenizer.token_to_id(name)) is not None)


def pad(group: Sequence[Window], size: int) -> Inputs:
    """One batch of windows padded to `size` pieces: [rows, size] each, characters [rows, size, word_characters]."""
    rows = len(group)
    batch: Inputs = {"lengths": np.asarray([[len(row.arrays["input_ids"])] for row in group], dtype=np.int32)}
    for name, array in group[0].arrays.items():
        batch[name] = np.zeros((rows, size, *array.shape[1:]), dtype=np.int32)
        for index, row in enumerate(group):
            batch[name][index, : len(row.arrays[name])] = row.arrays[name]
    return batch


def _word_starts(tokenizer: Tokenizer) -> NDArray[np.bool_]:
    """Of each number of a BERT vocabulary whether its piece begins a word."""
    numbers = tokenizer.get_vocab(with_added_tokens=True)
    begins = np.zeros(max(numbers.values()) + 1, dtype=np.bool_)
    begins[[number for piece, number in numbers.items() if piece[:2] != "##"]] = True
    return begins


def _character_numbers(text: str) -> NDArray[np.int32]:
    """The number of each character in the alphabet, 0 for any other, and one 0 more behind the last."""
    points = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4")
    numbers = np.zeros(len(text) + 1, dtype=np.int32)
    numbers[:-1] = _NUMBERS[np.minimum(points, len(_NUMBERS) - 1)]
    return numbers


def word_of_piece(starts: NDArray[np.int64], words: Words) -> NDArray[np.int64]:
    """Index of the word in which each piece begins, -1 where the parse has none there."""
    index = np.searchsorted(words.starts[:-1], starts, side="right") - 1
    return np.where(starts < words.ends[index], index, -1)


def _pairs(pieces: Pieces, words: Words, of_piece: NDArray[np.int64]) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """For each piece the number of its word's label, and the index of the first piece of the head (-1: none)."""
    known = np.zeros(len(words.starts), dtype=np.bool_)
    known[of_piece] = True
    known[-1] = False
    head = words.heads
    head_piece = np.where(known[head], np.searchsorted(pieces.starts, words.starts)[head], -1)
    head_piece[-1] = -1
    return words.labels[of_piece], head_piece[of_piece]
