"""From emissions to spans: one BIO sequence per type, so that spans of different types may overlap."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shared.models.features import Encoded, Pieces
from shared.models.sentence_pieces import unspaced

OUTSIDE, BEGIN, INSIDE = 0, 1, 2
TAGS = 3
REACTION = "reaction"
# The type whose spans are the fragments of discontinuous reactions: "pain" and "arms" in "pain in my legs and arms".
PART = "reaction part"
# Fragments farther apart, or with the end of a sentence between them, belong to different reactions.
_APART = 60
_ENDS = re.compile(r"[.!?\n]")


@dataclass(frozen=True, slots=True)
class Span:
    """Characters [start, end) of a post that name a `type`. `score`: mean probability of its tags, 4 decimals.

    `fragments` are the parts of a discontinuous span, first to last; none where it is of one piece.
    """

    start: int
    end: int
    type: str
    score: float
    fragments: tuple[tuple[int, int], ...] = ()

    @property
    def places(self) -> tuple[tuple[int, int], ...]:
        """The fragments, one for a span of one piece: what makes two spans the same."""
        return self.fragments or ((self.start, self.end),)


def post_emissions(encoded: Encoded, outputs: Sequence[NDArray[np.float32]]) -> list[NDArray[np.float32]]:
    """Emissions [pieces, types * 3] of each post, put together from its windows.

    Where two windows overlap, a piece takes its emissions from the window that sees more around it.
    """
    width = outputs[0].shape[2] if outputs else 0
    posts = [np.zeros((len(pieces.starts), width), dtype=np.float32) for pieces in encoded.pieces]
    margins = [np.full(len(pieces.starts), -1, dtype=np.int64) for pieces in encoded.pieces]
    for windows, output in zip(encoded.rows, outputs, strict=True):
        for row, (post, window) in enumerate(windows):
            size = window.pieces
            here = slice(window.first, window.first + size)
            margin = np.minimum(np.arange(size), np.arange(size)[::-1])
            better = margin > margins[post][here]
            posts[post][here][better] = output[row, 1 : size + 1][better]
            margins[post][here][better] = margin[better]
    return posts


def spans_of_posts(
    pieces: Sequence[Pieces],
    emissions: Sequence[NDArray[np.float32]],
    texts: Sequence[str],
    types: Sequence[str],
    outside_bias: Sequence[float],
) -> list[list[Span]]:
    """Spans of each post, ordered by start. `outside_bias` is added to each type's outside score (more: fewer spans)."""
    words = [np.flatnonzero(of_post.word_starts) for of_post in pieces]
    lengths = np.asarray([len(index) for index in words for _ in types], dtype=np.int64)
    if not lengths.size or not lengths.max():
        return [[] for _ in pieces]
    scores = np.zeros((len(lengths), int(lengths.max()), TAGS), dtype=np.float32)
    for post, index in enumerate(words):
        by_type = emissions[post][index].reshape(len(index), len(types), TAGS).transpose(1, 0, 2).copy()
        by_type[:, :, OUTSIDE] += np.asarray(outside_bias, dtype=np.float32)[:, None]
        scores[post * len(types) : (post + 1) * len(types), : len(index)] = by_type
    scores -= scores.max(axis=2, keepdims=True)
    scores -= np.log(np.exp(scores).sum(axis=2, keepdims=True))
    tags = viterbi(scores, lengths)
    found = []
    for post, index in enumerate(words):
        spans: list[Span] = []
        for kind, name in enumerate(types):
            row = post * len(types) + kind
            for first, last in runs(tags[row, : len(index)]):
                path = scores[row, np.arange(first, last), tags[row, first:last]]
                span = _span(texts[post], pieces[post], index, first, last)
                _append(spans, Span(*span, name, round(float(np.exp(path).mean()), 4)), texts[post])
        found.append(sorted(whole(spans, texts[post]), key=lambda span: (span.start, span.end, span.type)))
    return found


def _append(spans: list[Span], span: Span, text: str) -> None:
    """Add a span, or lengthen the last one by it.

    In scripts without spaces every piece is a word of its own. A model that has learned from other languages, where names are
    single words, then says of each piece of a name that a name begins there.
    """
    before = spans[-1] if spans else span
    touching = (before.end, before.type) == (span.start, span.type)
    if touching and unspaced(text[before.end - 1]) and unspaced(text[span.start]):
        sizes = before.end - before.start, span.end - span.start
        score = (before.score * sizes[0] + span.score * sizes[1]) / sum(sizes)
        spans[-1] = Span(before.start, span.end, span.type, round(score, 4))
    else:
        spans.append(span)


def whole(spans: Sequence[Span], text: str) -> list[Span]:
    """The spans of one post with fragments put together: the first of a group with each that follows, as lists are written.

    A fragment by itself is dropped. Spans of other types stay as they are.
    """
    found = [span for span in spans if span.type != PART]
    group: list[Span] = []
    for part in sorted((span for span in spans if span.type == PART), key=lambda span: span.start):
        gap = text[group[-1].end : part.start] if group else ""
        if group and len(gap) <= _APART and not _ENDS.search(gap):
            head = group[0]
            score = round((head.score + part.score) / 2, 4)
            fragments = ((head.start, head.end), (part.start, part.end))
            found.append(Span(head.start, part.end, REACTION, score, fragments))
        else:
            group = []
        group.append(part)
    return found


def viterbi(scores: NDArray[np.float32], lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    """The best legal tags [rows, words] for scores [rows, words, 3]: INSIDE never follows OUTSIDE or the start.

    Words beyond a row's length are OUTSIDE. Rows do not influence one another.
    """
    rows, size, _ = scores.shape
    # Scores are rounded so that the last bit of a kernel cannot tip the balance between two paths.
    scores = np.round(scores, 4)
    best = np.zeros((rows, size, TAGS), dtype=np.int64)
    total = scores[:, 0].copy()
    total[:, INSIDE] = -np.inf
    for at in range(1, size):
        before = total.argmax(axis=1)
        inside = np.where(total[:, INSIDE] >= total[:, BEGIN], INSIDE, BEGIN)
        best[:, at, OUTSIDE] = best[:, at, BEGIN] = before
        best[:, at, INSIDE] = inside
        highest = total.max(axis=1)
        within = np.maximum(total[:, INSIDE], total[:, BEGIN])
        step = scores[:, at] + np.stack([highest, highest, within], axis=1)
        live = at < lengths
        total = np.where(live[:, None], step, total)
        best[:, at][~live] = np.arange(TAGS)
    tags = np.zeros((rows, size), dtype=np.int64)
    tag = total.argmax(axis=1)
    each = np.arange(rows)
    for at in range(size - 1, -1, -1):
        tags[:, at] = np.where(at < lengths, tag, OUTSIDE)
        tag = best[each, at, tag]
    return tags


def runs(tags: NDArray[np.int64]) -> list[tuple[int, int]]:
    """[first, last) of each run that begins with BEGIN and goes on with INSIDE."""
    found = []
    for first in np.flatnonzero(tags == BEGIN).tolist():
        after = np.flatnonzero(tags[first + 1 :] != INSIDE)
        found.append((first, first + 1 + (int(after[0]) if after.size else len(tags) - first - 1)))
    return found


def _span(text: str, pieces: Pieces, words: NDArray[np.int64], first: int, last: int) -> tuple[int, int]:
    """Characters of words [first, last), without the punctuation or white space a mention never ends with."""
    start = int(pieces.starts[words[first]])
    following = int(words[last]) if last < len(words) else len(pieces.ends)
    end = int(pieces.ends[following - 1])
    trimmed = text[start:end].rstrip(" \t\n.,;:!?")
    return start, start + len(trimmed) if trimmed else end
