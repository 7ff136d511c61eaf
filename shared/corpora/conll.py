"""Readers of CoNLL files: a token and a BIO label a line, blank lines between sentences."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from shared.corpora.readers import AnnotatedPost, Mention, broken, read_lines

PSYTAR_TYPES = {"ADR": "reaction", "DI": "indication", "WD": "withdrawal", "SSI": "symptom"}
REDDIT_TYPES = {"ADR": "reaction", "DRUG": "drug"}
# A word that is written right after the one before it; CoNLL files do not keep the spaces.
_GLUED = re.compile(r"^(?:[.,!?;:%)\]}…]+|n't|'(?:s|m|re|ve|ll|d|t))$", re.IGNORECASE)
_OPENING = ("(", "[", "{", "$", "#", "@")
_LABEL = re.compile(r"O|[BI]-[\w.]+")


def read_conll(path: Path, names: Mapping[str, str], types: Sequence[str]) -> list[AnnotatedPost]:
    """Token and BIO label in the first and last column; spaces are restored by rule."""
    return [tagged_post(words, _spaced(words), tags, names, types) for words, tags in _sentences(path)]


def read_psytar(path: Path) -> list[AnnotatedPost]:
    """PsyTAR: reactions, indications, withdrawal symptoms, and signs of illness that are none of these."""
    return read_conll(path, PSYTAR_TYPES, tuple(PSYTAR_TYPES.values()))


def read_reddit(path: Path) -> list[AnnotatedPost]:
    """Reddit comments in Flair's columns: reactions and drugs."""
    return read_conll(path, REDDIT_TYPES, tuple(REDDIT_TYPES.values()))


def read_weibo(path: Path) -> list[AnnotatedPost]:
    """Weibo NER (Peng and Dredze 2015): a character and its place in its word ("科0"), types as PER.NAM.

    The types are the corpus's own (person, organisation, place): no model of adrwatch finds them. Characters are written
    without spaces between them.
    """
    sentences = [([word[:1] for word in words], tags) for words, tags in _sentences(path)]
    names = {tag[2:]: tag[2:] for _, tags in sentences for tag in tags if tag != "O"}
    return [tagged_post(words, [False] * len(words), tags, names, sorted(names)) for words, tags in sentences]


def _sentences(path: Path) -> Iterator[tuple[list[str], list[str]]]:
    words: list[str] = []
    tags: list[str] = []
    for number, line in enumerate([*read_lines(path), ""], start=1):
        fields = line.split()
        if line[:1].isspace() and line.strip() == "O":
            continue  # the token was white space itself
        if line.strip():
            if len(fields) < 2 or not _LABEL.fullmatch(fields[-1]):
                raise broken(path, number, "needs a token and a BIO label")
            words.append(fields[0])
            tags.append(fields[-1])
        elif words:
            yield words, tags
            words, tags = [], []


def _spaced(words: Sequence[str]) -> list[bool]:
    """Whether a space stands before each word."""
    before = ["", *words]
    return [
        bool(last) and not _GLUED.match(word) and not last.endswith(_OPENING)
        for last, word in zip(before, words, strict=False)
    ]


def tagged_post(
    words: Sequence[str], spaced: Sequence[bool], tags: Sequence[str], names: Mapping[str, str], types: Sequence[str]
) -> AnnotatedPost:
    """The post that words with BIO tags make. `spaced`: whether a space stands before each. `names`: of tags, our types."""
    text = ""
    mentions: list[Mention] = []
    for word, space, tag in zip(words, spaced, tags, strict=True):
        text += " " if space else ""
        start, text = len(text), text + word
        kind = names.get(tag[2:])
        if kind is None:
            continue
        last = mentions[-1] if mentions else None
        if tag.startswith("I-") and last and last.type == kind and start - last.end <= 1:
            mentions[-1] = Mention(last.start, len(text), kind)
        else:
            mentions.append(Mention(start, len(text), kind))
    return AnnotatedPost(text, tuple(mentions), frozenset(types))
