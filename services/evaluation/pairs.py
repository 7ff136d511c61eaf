"""Pairs of medicine and reaction: what annotators marked, what the pipeline stated, and when they are the same."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from services.pipeline.steps.normalise import Names
from shared.corpora.readers import CAUSES, AnnotatedPost
from shared.events import Concept
from shared.mention_scores import Places, overlapping, shared
from shared.scores import Counts, strict
from shared.vocabulary.drugs import DrugLexicon

# What is compared, from loose to strict. Spans overlap by a character or are equal; concepts are compared by id.
LEVELS = (
    "post",
    "reaction span, overlapping",
    "reaction span, strict",
    "medicine and reaction span, overlapping",
    "medicine and reaction span, strict",
    "reaction concept",
    "medicine and reaction concept",
)
_POST, _OVERLAPPING, _STRICT, _PAIR_OVERLAPPING, _PAIR_STRICT, _CONCEPT, _PAIR_CONCEPT = LEVELS
# Ways of the vocabulary's cascade that keep the meaning of an annotators' term; a part of it is another term.
_SAME = frozenset({"phrase", "stems", "spelling"})
_NOTHING = Counts(0, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class GoldReaction:
    """An annotated reaction: its fragments, the ids of the medicines that caused it, its concept.

    `concept` is the vocabulary's id where it names the annotated term (`named`), else the corpus's own, which nothing can
    match; None where the corpus gives none, or only a code that the vocabulary lacks.
    """

    places: Places
    drugs: frozenset[str]
    concept: str | None
    named: bool


@dataclass(frozen=True, slots=True)
class Gold:
    """What annotators say of one post."""

    reactions: tuple[GoldReaction, ...]

    @property
    def drugs_known(self) -> bool:
        """Whether each reaction's medicine is known to the lexicon."""
        return all(reaction.drugs for reaction in self.reactions)

    @property
    def concepts_known(self) -> bool:
        """Whether the corpus gives a concept for each reaction."""
        return all(reaction.concept is not None for reaction in self.reactions)


@dataclass(frozen=True, slots=True)
class Stated:
    """A pair that the pipeline reports, by ids, and where the reaction stands."""

    drug: str
    places: Places
    concept: str


def gold_of(post: AnnotatedPost, lexicon: DrugLexicon, vocabulary: Names) -> Gold:
    """The post's reactions.

    A reaction's medicines are those that relations name, where the corpus has relations; else the queried one; else the only
    one that the lexicon finds in the post. In a corpus with relations a reaction without one is of no medicine and left out.
    """
    by_relation: dict[int, set[str]] = {}
    for relation in post.relations or ():
        if relation.type == CAUSES:
            drug = post.mentions[relation.drug]
            words = " ".join(post.text[start:end] for start, end in drug.places)
            by_relation.setdefault(relation.other, set()).update(_ids(lexicon, words))
    queried = frozenset(_ids(lexicon, post.drug)) or _only(_ids(lexicon, post.text))
    found: dict[Places, GoldReaction] = {}
    for number, mention in enumerate(post.mentions):
        if mention.type != "reaction" or (post.relations is not None and number not in by_relation):
            continue
        drugs = queried if post.relations is None else frozenset(by_relation[number])
        concept, named = _known(mention.concept, vocabulary)
        found.setdefault(mention.places, GoldReaction(mention.places, drugs, concept, named))
    return Gold(tuple(found.values()))


def counts(level: str, gold: Gold, stated: Sequence[Stated]) -> Counts:
    """One post's counts on a level of `LEVELS`.

    A post counts for nothing on a level for which its annotation is not enough: medicines unknown, or concepts not given.
    """
    spans = [reaction.places for reaction in gold.reactions]
    if level == _POST:
        hit = int(bool(stated) and bool(spans))
        return Counts(hit, hit, int(bool(stated)), int(bool(spans)))
    if level == _OVERLAPPING:
        return overlapping([each.places for each in stated], spans)
    if level == _STRICT:
        return strict([each.places for each in stated], spans)
    if level == _PAIR_OVERLAPPING:
        return _paired_spans(gold, stated) if gold.drugs_known else _NOTHING
    if level == _PAIR_STRICT:
        expected = {(drug, reaction.places) for reaction in gold.reactions for drug in reaction.drugs}
        return strict({(each.drug, each.places) for each in stated}, expected) if gold.drugs_known else _NOTHING
    if not gold.concepts_known:
        return _NOTHING
    if level == _CONCEPT:
        return strict({each.concept for each in stated}, {str(reaction.concept) for reaction in gold.reactions})
    if not gold.drugs_known:
        return _NOTHING
    pairs = {(drug, str(reaction.concept)) for reaction in gold.reactions for drug in reaction.drugs}
    return strict({(each.drug, each.concept) for each in stated}, pairs)


def _paired_spans(gold: Gold, stated: Sequence[Stated]) -> Counts:
    ours = {(each.drug, each.places) for each in stated}
    theirs = {(drug, reaction.places) for reaction in gold.reactions for drug in reaction.drugs}

    def met(pair: tuple[str, Places], others: Iterable[tuple[str, Places]]) -> bool:
        return any(pair[0] == other[0] and shared(pair[1], other[1]) for other in others)

    return Counts(
        sum(met(pair, theirs) for pair in ours), sum(met(pair, ours) for pair in theirs), len(ours), len(theirs)
    )


def _known(concept: Concept | None, vocabulary: Names) -> tuple[str | None, bool]:
    """The id to compare by, and whether it is one of the vocabulary's."""
    if concept is None:
        return None, False
    if vocabulary.concept(concept.id) is not None:
        return concept.id, True
    if not concept.label:
        return None, False  # a code alone says nothing to a vocabulary that lacks it
    match = vocabulary.match(concept.label)
    return (match.concept.id, True) if match.how in _SAME else (concept.id, False)


def _ids(lexicon: DrugLexicon, text: str) -> set[str]:
    return {mention.concept.id for mention in lexicon.find(text)}


def _only(ids: set[str]) -> frozenset[str]:
    return frozenset(ids) if len(ids) == 1 else frozenset()
