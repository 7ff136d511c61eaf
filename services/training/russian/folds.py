"""Reviews made of their sentences, in fixed folds: what is learned from, chooses, and is scored; never one review in two."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

from services.training.russian.options import FOLDS
from shared.corpora.readers import AnnotatedPost, Mention
from shared.errors import AdrwatchError
from shared.models.decode import REACTION

# One review of ten that are not scored chooses epoch and outside bias, as the paper parts them.
_CHOOSING = 10


@dataclass(frozen=True)
class Review:
    """The sentences of one review in their order."""

    name: str
    sentences: tuple[AnnotatedPost, ...]

    @property
    def reaction(self) -> bool:
        """Whether any sentence names one."""
        return any(map(has_reaction, self.sentences))


@dataclass(frozen=True)
class Fold:
    """Reviews to learn from, to choose by, and to score once."""

    train: list[Review]
    held_out: list[Review]
    scored: list[Review]


def has_reaction(post: AnnotatedPost) -> bool:
    """Whether a sentence names a reaction."""
    return any(mention.type == REACTION for mention in post.mentions)


def reviews(posts: Sequence[AnnotatedPost]) -> list[Review]:
    """Sentences by their review, whose name stands in their ids before the last colon. Raises AdrwatchError where one has none."""
    found: dict[str, list[AnnotatedPost]] = {}
    for post in posts:
        name, colon, _ = post.id.rpartition(":")
        if not colon or not name:
            raise AdrwatchError(
                "a sentence does not tell which review it is of: no folds can be made",
                fix="give sentences with file_name and sentence_id, as in RuDReC",
            )
        found.setdefault(name, []).append(post)
    return [Review(name, tuple(sorted(listed, key=_place))) for name, listed in found.items()]


def fold(all_reviews: Sequence[Review], number: int) -> Fold:
    """The fold of a number from 0. Reviews are dealt by a hash of their names, so that their order does not matter.

    Raises AdrwatchError where there are too few.
    """
    if not 0 <= number < FOLDS:
        raise AdrwatchError(f"there is no fold {number}", fix=f"folds are 0 to {FOLDS - 1}")
    if len(all_reviews) < 2 * FOLDS:
        raise AdrwatchError(
            f"{len(all_reviews)} reviews are too few for {FOLDS} folds", fix="give the whole corpus as --data"
        )
    dealt = sorted(all_reviews, key=lambda review: (_digest(review.name), review.name))
    rest = [review for place, review in enumerate(dealt) if place % FOLDS != number]
    return Fold(
        [review for place, review in enumerate(rest) if place % _CHOOSING],
        rest[::_CHOOSING],
        dealt[number::FOLDS],
    )


def balanced(found: Sequence[Review], share: float, by: str, generator: random.Random) -> list[Review]:
    """As many as there can be of which `share` have a reaction: whole reviews, or their sentences where `by` is sentences.

    A share of 1 keeps those with a reaction alone. Corpus balancing as in section 5.3 of the paper.
    """
    if by == "sentences":
        single = [replace(review, sentences=(post,)) for review in found for post in review.sentences]
        return _balanced(single, share, generator)
    return _balanced(list(found), share, generator)


def _balanced(found: list[Review], share: float, generator: random.Random) -> list[Review]:
    groups: dict[bool, list[Review]] = {True: [], False: []}
    for review in found:
        groups[review.reaction].append(review)
    size = len(groups[True]) / share
    if share < 1:
        size = min(size, len(groups[False]) / (1 - share))
    return [
        *generator.sample(groups[True], round(size * share)),
        *generator.sample(groups[False], round(size * (1 - share))),
    ]


@dataclass(frozen=True)
class Unit:
    """What a network reads at once: sentences with a line break between, and where each begins."""

    post: AnnotatedPost
    begins: tuple[int, ...]
    sentences: tuple[AnnotatedPost, ...]

    def back(self, mentions: Sequence[Mention]) -> list[list[Mention]]:
        """Mentions in the unit as mentions of each sentence; what goes beyond the end of a sentence is cut off."""
        found: list[list[Mention]] = [[] for _ in self.sentences]
        for mention in mentions:
            index = max(place for place, begin in enumerate(self.begins) if begin <= mention.start)
            begin, size = self.begins[index], len(self.sentences[index].text)
            parts = [(start - begin, min(end - begin, size)) for start, end in mention.places if start - begin < size]
            if parts:
                fragments = tuple(parts) if len(parts) > 1 else ()
                found[index].append(Mention(parts[0][0], parts[-1][1], mention.type, fragments))
        return found


def units(found: Sequence[Review], characters: int) -> list[Unit]:
    """Each sentence by itself, or as many sentences of a review as have so many characters together."""
    made: list[Unit] = []
    for review in found:
        group: list[AnnotatedPost] = []
        for post in review.sentences:
            if group and sum(len(one.text) + 1 for one in group) + len(post.text) > characters:
                made.append(_unit(group))
                group = []
            group.append(post)
        if group:
            made.append(_unit(group))
    return made


def _unit(sentences: Sequence[AnnotatedPost]) -> Unit:
    begins, mentions, at = [], [], 0
    for post in sentences:
        begins.append(at)
        mentions += [_moved(mention, at) for mention in post.mentions]
        at += len(post.text) + 1
    text = "\n".join(post.text for post in sentences)
    types = frozenset.intersection(*(post.types for post in sentences))
    return Unit(AnnotatedPost(text, tuple(mentions), types), tuple(begins), tuple(sentences))


def _moved(mention: Mention, by: int) -> Mention:
    fragments = tuple((start + by, end + by) for start, end in mention.fragments)
    return replace(mention, start=mention.start + by, end=mention.end + by, fragments=fragments)


def _place(post: AnnotatedPost) -> tuple[int, str]:
    number = post.id.rpartition(":")[2]
    return (int(number), "") if number.isdigit() else (0, number)


def _digest(name: str) -> bytes:
    return hashlib.blake2b(name.encode(), digest_size=8).digest()
