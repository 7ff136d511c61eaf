"""Readers of Chinese corpora: sentences cut into words by hand, and the two files of the MSRA entities."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from shared.corpora.conll import tagged_post
from shared.corpora.readers import AnnotatedPost, broken, read_lines
from shared.errors import AdrwatchError

MSRA_TYPES = ("LOC", "ORG", "PER")
_SENTENCES, _TAGS = "sentences", "tags"


def read_segmented(path: Path) -> list[tuple[str, ...]]:
    """A sentence a line, white space between its words (SIGHAN bakeoff 2005, Emerson 2005). Empty lines are passed over."""
    return [tuple(words) for line in read_lines(path) if (words := line.split())]


def read_msra(path: Path) -> list[AnnotatedPost]:
    """MSRA NER (Levow 2006): characters with spaces between them in `*sentences*`, their BIO tags line by line in `*tags*` beside.

    Raises AdrwatchError where the second file is missing or does not fit the first.
    """
    if _SENTENCES not in path.name:
        raise AdrwatchError(f"{path} is no file of sentences", fix=f"give the file with {_SENTENCES} in its name")
    beside = path.with_name(path.name.replace(_SENTENCES, _TAGS))
    sentences, tags = read_lines(path), read_lines(beside)
    if len(sentences) != len(tags):
        raise AdrwatchError(
            f"{path} has {len(sentences)} lines, {beside.name} has {len(tags)}", fix="fetch both files again"
        )
    return [
        _post(sentence.split(), labels.split(), beside, number)
        for number, (sentence, labels) in enumerate(zip(sentences, tags, strict=True), start=1)
        if sentence.split()
    ]


def _post(characters: Sequence[str], labels: Sequence[str], path: Path, number: int) -> AnnotatedPost:
    if len(characters) != len(labels):
        raise broken(path, number, f"{len(labels)} tags for {len(characters)} characters")
    names = {name: name for name in MSRA_TYPES}
    if any(label != "O" and (label[:2] not in ("B-", "I-") or label[2:] not in names) for label in labels):
        raise broken(path, number, f"tags are O, B- and I- of {', '.join(MSRA_TYPES)}")
    return tagged_post(characters, [False] * len(characters), labels, names, MSRA_TYPES)
