"""Normalise: reactions to preferred concepts, then what the post says as messages: its mentions and its one outcome.

Reactions that no vocabulary knows stay countable as `unmapped`; they are never guessed.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

from services.pipeline.steps.aggregate import aggregated
from services.pipeline.steps.document import AssertedPair, Document, Failure, each
from shared.assertion.flags import SERIOUS, flags
from shared.assertion.person import person
from shared.assertion.text import Statement
from shared.events import Concept, Mention, Outcome, Pair, Post, mention_id
from shared.text.clean import fingerprint
from shared.text.sketch import near_sketch
from shared.vocabulary.reactions import Match

DESIGNATED = "designated_event"
# A source's word for a language that it does not know (ISO 639-2).
UNDETERMINED = "und"


class Names(Protocol):
    """Whatever names a reaction: a vocabulary, or the normaliser that the settings ask for."""

    def match(self, phrase: str) -> Match:
        """The concept of a phrase, `unmapped` where none is sure."""

    def concept(self, key: str) -> Concept | None:
        """The concept of an id, or None."""


@dataclass(frozen=True, slots=True)
class Vocabularies:
    """What concepts are found with. `designated_ids` and `designated_names` (lower case) come from the signal rules."""

    reactions: Names
    designated_ids: Collection[str] = frozenset()
    designated_names: Collection[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Reported:
    """What becomes of one post: its outcome, and one mention for each distinct pair of spans."""

    outcome: Outcome
    mentions: tuple[Mention, ...]


def normalise(
    documents: Sequence[Document], vocabularies: Vocabularies, model_version: str, key: bytes | None = None
) -> tuple[list[Reported], list[Failure]]:
    """Messages of each document, in their order. One that breaks this step is a failure and takes no other along.

    `key`: that of the sketches of reports; without one they have none.
    """
    return each(documents, "normalise", lambda document: report(document, vocabularies, model_version, key))


def report(document: Document, vocabularies: Vocabularies, model_version: str, key: bytes | None) -> Reported:
    """The messages of one post. `status` is `screened:<reason>`, `negative` or `mentions:<n>`."""
    mentions = _mentions(document, vocabularies, model_version)
    if document.screened is not None:
        status = f"screened:{document.screened}"
    else:
        status = f"mentions:{len(mentions)}" if mentions else "negative"
    post = document.post
    outcome = Outcome(
        terms=post.terms,
        post_id=post.id,
        status=status,
        created_at=post.created_at,
        model_version=model_version,
        author=post.author,
        fingerprint=fingerprint(post.text),
        sketch=near_sketch(post.text, key) if mentions and key else None,
        probability=document.probability,
        pairs=tuple(dict.fromkeys(Pair(mention.drug, mention.reaction) for mention in mentions)),
        language=document.language or stated_language(post),
    )
    return Reported(*(aggregated(outcome, mentions, post, key) if post.aggregates_only else (outcome, mentions)))


def _mentions(document: Document, vocabularies: Vocabularies, model_version: str) -> tuple[Mention, ...]:
    if not document.pairs:
        return ()
    post, statement = document.post, Statement(document.post.text)
    linked = fingerprint(post.text)
    found: dict[str, Mention] = {}
    for pair in document.pairs:
        key = mention_id(post.id, pair.drug.span, pair.reaction)
        concept, serious, situations = _described(pair, statement, vocabularies)
        found.setdefault(
            key,
            Mention(
                terms=post.terms,
                id=key,
                post_id=post.id,
                created_at=post.created_at,
                drug=pair.drug.concept,
                reaction=concept,
                drug_span=pair.drug.span,
                reaction_span=pair.reaction,
                score=pair.score,
                model_version=model_version,
                author=post.author,
                fingerprint=linked,
                serious=serious,
                situations=situations,
                person=person(statement, pair.reaction.start, pair.reaction.end),
                language=document.language or stated_language(post),
            ),
        )
    return tuple(found.values())


def stated_language(post: Post) -> str | None:
    """The language that the source says, without its region: `en` of `en-GB`. None where it says none, or no code."""
    code = (post.language or "").replace("_", "-").partition("-")[0].lower()
    return code if code.isascii() and code.isalpha() and 2 <= len(code) <= 3 and code != UNDETERMINED else None


def _described(
    pair: AssertedPair, statement: Statement, vocabularies: Vocabularies
) -> tuple[Concept, tuple[str, ...], tuple[str, ...]]:
    """The reaction's concept, the criteria of seriousness and the special situations."""
    places = pair.fragments or ((pair.reaction.start, pair.reaction.end),)
    words = " ".join(statement.between(start, end) for start, end in places)
    concept = vocabularies.reactions.match(words).concept
    designated = (
        concept.id in vocabularies.designated_ids
        or concept.label.lower() in vocabularies.designated_names
        or words.strip() in vocabularies.designated_names
    )
    stated = flags(statement, pair.reaction.start)
    serious = ((DESIGNATED,) if designated else ()) + tuple(name for name in stated if name in SERIOUS)
    return concept, serious, tuple(name for name in stated if name not in SERIOUS)
