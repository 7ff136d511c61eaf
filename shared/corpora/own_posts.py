"""Reader of posts that we wrote ourselves with what they say (services/evaluation/data): as labelled and as annotated posts."""

from __future__ import annotations

from pathlib import Path

import msgspec

from shared.corpora.readers import AnnotatedPost, LabelledPost, Mention, Place, broken, read_lines
from shared.models.decode import REACTION

_DRUG = "drug"
_ASSERTED = "asserted"


class _Reaction(msgspec.Struct):
    start: int
    end: int
    status: str


class _Post(msgspec.Struct):
    id: str
    text: str
    drugs: list[Place]
    reactions: list[_Reaction]
    pairs: list[tuple[int, int]]


def read_own_labelled(path: Path) -> list[LabelledPost]:
    """A post is a report where it asserts a reaction of a drug. Raises AdrwatchError with the line of what is no such post."""
    return [LabelledPost(post.text, int(bool(post.pairs)), id=post.id) for post in _posts(path)]


def read_own_annotated(path: Path) -> list[AnnotatedPost]:
    """Its drugs, and the reactions that it asserts: what is denied, asked or treated is none. Raises AdrwatchError alike."""
    return [
        AnnotatedPost(
            post.text,
            (
                *(Mention(start, end, _DRUG) for start, end in post.drugs),
                *(Mention(one.start, one.end, REACTION) for one in post.reactions if one.status == _ASSERTED),
            ),
            frozenset({_DRUG, REACTION}),
            id=post.id,
        )
        for post in _posts(path)
    ]


def _posts(path: Path) -> list[_Post]:
    posts = []
    for number, line in enumerate(read_lines(path), 1):
        try:
            post = msgspec.json.decode(line, type=_Post)
        except msgspec.DecodeError as error:
            raise broken(path, number, f"no post of our own ({error})") from None
        places = [*post.drugs, *((one.start, one.end) for one in post.reactions)]
        if any(not 0 <= start < end <= len(post.text) for start, end in places):
            raise broken(path, number, "a place lies outside the text")
        posts.append(post)
    return posts
