"""Characters with tags: what the chains are taught, and the mentions that they find. No torch."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from services.training.asaibc.settings import CORPORA
from shared.corpora.chinese import read_msra, read_segmented
from shared.corpora.conll import read_weibo
from shared.corpora.readers import AnnotatedPost, Mention
from shared.errors import AdrwatchError

Numbers = NDArray[np.int64]
OUTSIDE = "O"
# A character begins a word, stands inside or at its end, or is one by itself.
CUTS = ("B", "M", "E", "S")
_ENDS = re.compile(r"[。！？；]")
_LONGEST = 150
_SEGMENTED = ("pku_test_gold.utf8.xz", "msr_test_gold.utf8.xz")
# Of the training part, what choices are made on; of a corpus without a dev part, that part.
_HELD_OUT = 10


@dataclass(frozen=True)
class Corpus:
    """Posts with entities to learn from and to score on, their tags, and sentences cut into words by hand."""

    name: str
    train: list[AnnotatedPost]
    scored: list[AnnotatedPost]
    tags: tuple[str, ...]
    source: list[tuple[str, ...]]


def read(data: Path, name: str = CORPORA[0], *, choose: bool = False) -> Corpus:
    """A corpus of `CORPORA` in the folder of all corpora. Of MSRA, which has no dev part here, every tenth sentence is scored.

    `choose`: score on every tenth post of the training part, which is then not learned from. Raises AdrwatchError for another
    name, and where files are missing.
    """
    if name not in CORPORA:
        raise AdrwatchError(f"no corpus {name}", fix=f"corpora: {', '.join(CORPORA)}")
    folder = data / "ner" / name
    if name == "weibo_zh":
        train = read_weibo(folder / "weiboNER_2nd_conll.train.xz")
        scored = read_weibo(folder / "weiboNER_2nd_conll.dev")
    else:
        train, scored = _parted(read_msra(folder / "val_sentences.txt.xz"))
    if choose:
        train, scored = _parted(train)
    source = [
        sentence
        for file in _SEGMENTED
        for words in read_segmented(data / "ner" / "cws_sighan2005_zh" / file)
        for sentence in sentences(words)
    ]
    return Corpus(name, train, scored, tag_names(train), source)


def _parted(posts: list[AnnotatedPost]) -> tuple[list[AnnotatedPost], list[AnnotatedPost]]:
    order = list(range(len(posts)))
    random.Random(0).shuffle(order)
    held = set(order[: len(posts) // _HELD_OUT])
    return (
        [post for at, post in enumerate(posts) if at not in held],
        [post for at, post in enumerate(posts) if at in held],
    )


def sentences(words: Sequence[str]) -> list[tuple[str, ...]]:
    """A paragraph's words in sentences, none longer than 150 characters but of one word."""
    found: list[tuple[str, ...]] = []
    now: list[str] = []
    for word in words:
        if now and sum(map(len, now)) + len(word) > _LONGEST:
            found.append(tuple(now))
            now = []
        now.append(word)
        if _ENDS.fullmatch(word):
            found.append(tuple(now))
            now = []
    return [*found, tuple(now)] if now else found


def tag_names(posts: Sequence[AnnotatedPost]) -> tuple[str, ...]:
    """O, then B and I of each type that the posts mention. Raises AdrwatchError where they mention none."""
    types = sorted({mention.type for post in posts for mention in post.mentions})
    if not types:
        raise AdrwatchError("no post has a mention to learn from", fix="check that the corpus is the right one")
    return (OUTSIDE, *(f"{place}-{kind}" for kind in types for place in "BI"))


def tags_of(post: AnnotatedPost, names: Sequence[str]) -> Numbers:
    """The number of each character's tag; mentions of types that `names` lack are left out."""
    tags = np.zeros(len(post.text), dtype=np.int64)
    for mention in post.mentions:
        if f"B-{mention.type}" in names:
            tags[mention.start : mention.end] = names.index(f"I-{mention.type}")
            tags[mention.start] = names.index(f"B-{mention.type}")
    return tags


def mentions_of(tags: Sequence[int], names: Sequence[str]) -> list[Mention]:
    """The mentions that tags of characters tell. An I that continues nothing of its type begins a mention."""
    found: list[Mention] = []
    for at, number in enumerate(tags):
        place, _, kind = names[number].partition("-")
        if place == OUTSIDE:
            continue
        last = found[-1] if found else None
        if place == "I" and last and last.type == kind and last.end == at:
            found[-1] = Mention(last.start, at + 1, kind)
        else:
            found.append(Mention(at, at + 1, kind))
    return found


def cuts_of(words: Sequence[str]) -> Numbers:
    """Each character's place in its word, numbered as in `CUTS`."""
    places = "".join("S" if len(word) == 1 else "B" + "M" * (len(word) - 2) + "E" for word in words)
    return np.array([CUTS.index(place) for place in places], dtype=np.int64)


def allowed(names: Sequence[str]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which tag may follow which [from, to], and which may come first: I only after B or I of its type."""
    steps = np.ones((len(names), len(names)), dtype=bool)
    for to, name in enumerate(names):
        if name.startswith("I-"):
            steps[:, to] = [before[2:] == name[2:] for before in names]
    return steps, np.array([not name.startswith("I-") for name in names])
