"""Watches whether posts are still what the classifier was made for: the last ones, held against the reference of its version.

Two things are looked at, of posts that the screen let through. The classifier's probabilities move when people write otherwise, of
other things, or when something before the model broke. Word pieces per word rise with new names, other languages and broken
encodings, for a word that the model does not know is cut into many, and they do so before anybody has labelled a post. The share of
[UNK], the tokenizer's own word for what it does not know, would not do: it has a piece for every letter, so a new name, or another
language in the same letters, has none.
"""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from services.pipeline.steps.document import Document
from shared import metrics
from shared.errors import AdrwatchError
from shared.events import now
from shared.logs import logger
from shared.models.classifier import ClassifierFeatures
from shared.models.features import Pieces
from shared.models.reference import FEWEST, Binned, Positives, Reference, read_reference

log = logger("pipeline")

# Of a source with fewer posts in the window no share is told.
FEWEST_OF_A_SOURCE = 200
# Names of sources come with the posts of files: so many have metrics of their own.
_MOST_SOURCES = 50


class Seen(NamedTuple):
    """What is kept of one post."""

    score: float
    pieces: int
    words: int
    source: str
    positive: bool

    @property
    def pieces_per_word(self) -> float:
        """Of a post without words, one."""
        return self.pieces / self.words if self.words else 1.0


class Distance(msgspec.Struct, frozen=True):
    """How far `posts` are from a reference: NaN, and no shares, where they are too few to say. `positive_share` is by source."""

    posts: int
    scores: float = math.nan
    pieces: float = math.nan
    pieces_per_word: float = math.nan
    positive_share: dict[str, float] = {}


def seen(documents: Sequence[Document], digest: str) -> list[Seen]:
    """Of the documents that the screen let through and the classifier, with features of this digest, was asked about."""
    return [
        Seen(document.probability, *_pieces(document.readings[digest].pieces), document.post.source, document.positive)
        for document in documents
        if document.screened is None and document.probability is not None and digest in document.readings
    ]


def _pieces(pieces: Pieces) -> tuple[int, int]:
    return len(pieces.word_starts), int(pieces.word_starts.sum())


class Watch:
    """The last `window` posts against `reference`, told by metrics after each batch. Without a reference only scores are told."""

    def __init__(self, features: ClassifierFeatures, reference: Reference | None, window: int) -> None:
        self._digest = features.digest
        self._reference = reference
        self._window = window
        self._last: deque[tuple[int, int, Seen]] = deque()
        self._scores = [0] * len(reference.scores.counts) if reference else []
        self._pieces = [0] * len(reference.pieces.counts) if reference else []
        self._totals: Counter[str] = Counter()
        self._posts: Counter[str] = Counter()
        self._positive: Counter[str] = Counter()
        self._told: set[str] = set()
        # Of the version before.
        metrics.POSITIVE_SHARE.clear()
        self._tell()

    @classmethod
    def of(cls, folder: Path, features: ClassifierFeatures, window: int) -> Watch:
        """For the version of the classifier in this folder. A reference that cannot be used is told, and left out."""
        reference: Reference | None = None
        try:
            reference = read_reference(folder, features.metadata.version)
        except AdrwatchError as error:
            log.warning("drift is not watched", error=error.message, fix=error.fix)
        return cls(features, reference, window)

    @property
    def window(self) -> int:
        """How many posts are held against the reference."""
        return self._window

    def note(self, documents: Sequence[Document]) -> None:
        """Take in a batch, as it is after the classifier."""
        found = seen(documents, self._digest)
        for one in found:
            metrics.SCORES.observe(one.score)
        if self._reference is None or not found:
            return
        for one in found:
            self._add(self._reference.scores.bin(one.score), self._reference.pieces.bin(one.pieces_per_word), one, 1)
            if len(self._last) > self._window:
                self._add(*self._last.popleft(), -1)
        self._tell()

    def _add(self, score: int, pieces: int, one: Seen, sign: int) -> None:
        if sign > 0:
            self._last.append((score, pieces, one))
        self._scores[score] += sign
        self._pieces[pieces] += sign
        self._totals.update({"pieces": sign * one.pieces, "words": sign * one.words})
        self._posts[one.source] += sign
        self._positive[one.source] += sign * one.positive

    def distance(self) -> Distance:
        """How far the last posts are from the reference, once they are enough to say so."""
        posts, words = len(self._last), self._totals["words"]
        if self._reference is None or posts < min(FEWEST, self._window):
            return Distance(posts)
        return Distance(
            posts,
            self._reference.scores.drift(self._scores),
            self._reference.pieces.drift(self._pieces),
            self._totals["pieces"] / max(1, words),
            {name: self._positive[name] / count for name, count in self._posts.most_common(_MOST_SOURCES)
             if count >= FEWEST_OF_A_SOURCE},
        )  # fmt: skip

    def _tell(self) -> None:
        found = self.distance()
        metrics.DRIFT.labels("scores").set(found.scores)
        metrics.DRIFT.labels("pieces").set(found.pieces)
        metrics.PIECES.labels("window").set(found.pieces_per_word)
        metrics.PIECES.labels("reference").set(self._reference.pieces_per_word if self._reference else math.nan)
        for name in self._told - found.positive_share.keys():
            for of in ("window", "reference"):
                metrics.POSITIVE_SHARE.remove(name, of)
        self._told = set(found.positive_share)
        for name, share in found.positive_share.items():
            metrics.POSITIVE_SHARE.labels(name, "window").set(share)
            if self._reference is not None:
                metrics.POSITIVE_SHARE.labels(name, "reference").set(self._reference.of_source(name).share)


class Collector(Watch):
    """Keeps what every post of a stream was like, to make a reference of."""

    def __init__(self, features: ClassifierFeatures) -> None:
        super().__init__(features, None, 1)
        self._features = features
        self._all: list[Seen] = []

    def note(self, documents: Sequence[Document]) -> None:
        """Take in a batch, as it is after the classifier."""
        self._all += seen(documents, self._features.digest)

    def reference(self) -> Reference:
        """Of all that was seen. Raises AdrwatchError where that is too little to say anything."""
        found = self._all
        if len(found) < FEWEST:
            raise AdrwatchError(
                f"the screen let {len(found)} posts through, a reference needs {FEWEST}",
                fix="give a larger file, or more files",
            )
        posts, positive = Counter(one.source for one in found), Counter(one.source for one in found if one.positive)
        metadata = self._features.metadata
        return Reference(
            version=metadata.version,
            policy=self._features.policy,
            made_at=now().replace(microsecond=0),
            posts=len(found),
            scores=Binned.of([one.score for one in found]),
            pieces=Binned.of([one.pieces_per_word for one in found]),
            pieces_per_word=round(sum(one.pieces for one in found) / max(1, sum(one.words for one in found)), 4),
            positives=Positives(len(found), positive.total()),
            sources={name: Positives(count, positive[name]) for name, count in sorted(posts.items())},
        )
