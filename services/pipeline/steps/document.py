"""A post on its way through the steps, and what is kept of it when a step cannot treat it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from shared.events import UNMAPPED, Concept, Post, Span
from shared.models.decode import Span as TypedSpan
from shared.models.features import Reading
from shared.text.parse import Parse
from shared.vocabulary.drugs import DrugMention


@dataclass(frozen=True, slots=True)
class AssertedPair:
    """A medicine and a reaction that the post asserts of one another. `score` is the extractor's of the reaction.

    `reaction` may be longer than the extractor's span: a "can't" that belongs to the reaction is taken in. `fragments`: the parts
    of a discontinuous reaction, which alone are its words.
    """

    drug: DrugMention
    reaction: Span
    score: float
    fragments: tuple[tuple[int, int], ...] = ()


@dataclass(slots=True)
class Document:
    """One post and what the steps have found about it so far.

    `screened`: reason of the screen, or None where the post goes on. `language`: the one it is read in, where there are several.
    `drugs`: medicines that the lexicon found.
    `readings`: what models read of it, by digest. `probability`, `positive`: the classifier's, once asked. `spans`: the
    extractor's, and reactions by name where a grave post had none. `pairs`: what the post asserts, before concepts are known.
    """

    post: Post
    screened: str | None = None
    language: str | None = None
    drugs: list[DrugMention] = field(default_factory=list)
    parse: Parse | None = None
    readings: dict[str, Reading] = field(default_factory=dict)
    probability: float | None = None
    positive: bool = False
    spans: list[TypedSpan] = field(default_factory=list)
    pairs: list[AssertedPair] = field(default_factory=list)

    @property
    def reports(self) -> bool:
        """Whether the post goes on to its spans: the screen let it through and the classifier takes it for a report."""
        return self.screened is None and self.positive


@dataclass(frozen=True, slots=True)
class Failure:
    """A post that a step could not treat: for the dead letters. `detail` names the error, never the post's text."""

    post: Post
    stage: str
    reason: str
    detail: str


T = TypeVar("T")
# The extractor's types that are reactions: those to a medicine, and those to stopping it.
REACTIONS = frozenset({"reaction", "withdrawal"})
UNKNOWN_DRUG = Concept(UNMAPPED, UNMAPPED)


def each(documents: Sequence[Document], stage: str, step: Callable[[Document], T]) -> tuple[list[T], list[Failure]]:
    """What a step makes of each document by itself, so that one that breaks it takes no other along."""
    done: list[T] = []
    failed: list[Failure] = []
    for document in documents:
        try:
            done.append(step(document))
        except Exception as error:  # noqa: BLE001 - whatever it is, the post goes to the dead letters with its reason
            failed.append(Failure(document.post, stage, f"{stage}-failed", type(error).__name__))
    return done, failed
