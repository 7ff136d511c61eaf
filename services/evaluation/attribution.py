"""Which medicine did it, by the rules and by three baselines, with entities as annotators marked them; and the scores.

A pair is a medicine's name and a reaction's place: a medicine that a text names twice is one medicine.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any

import numpy as np

from services.evaluation.reports import Row
from services.pipeline.steps.attribute import pairs, responsible, spoken_of
from shared.assertion.text import Statement
from shared.corpora.readers import Place
from shared.corpora.relations import RelatedText
from shared.events import Concept, Span
from shared.models.decode import Span as TypedSpan
from shared.scores import Counts, bootstrap, total
from shared.vocabulary.drugs import DrugMention

Named = frozenset[tuple[str, Place]]
System = Callable[[RelatedText], Iterable[tuple[Place, Place]]]


def mentions(text: str, drugs: Sequence[Place]) -> list[DrugMention]:
    """The annotated medicines as the lexicon would give them; the concept is the name itself."""
    return [DrugMention(Span(*place), Concept(name := _name(text, place), name)) for place in sorted(drugs)]


def reaction_spans(reactions: Sequence[Place]) -> list[TypedSpan]:
    """The annotated reactions as the extractor would give them, all of them sure."""
    return [TypedSpan(start, end, "reaction", 1.0) for start, end in reactions]


def annotated(reactions: Sequence[Place], found: Span) -> Place | None:
    """The annotated place of a reaction that the attribution may have widened to the left."""
    return max((place for place in reactions if place[1] == found.end and place[0] >= found.start), default=None)


def rules(text: RelatedText) -> list[tuple[Place, Place]]:
    """The attribution of the pipeline."""
    return _ruled(text, follow=True)


def rules_by_name(text: RelatedText) -> list[tuple[Place, Place]]:
    """The same by names alone: words such as "it" and "the second one" are not followed to a medicine."""
    return _ruled(text, follow=False)


def _ruled(text: RelatedText, *, follow: bool) -> list[tuple[Place, Place]]:
    found = pairs(text.text, mentions(text.text, text.drugs), reaction_spans(text.reactions), follow=follow)
    placed = [((pair.drug.span.start, pair.drug.span.end), annotated(text.reactions, pair.reaction)) for pair in found]
    return [(drug, reaction) for drug, reaction in placed if reaction is not None]


def rules_without_assertion(text: RelatedText) -> list[tuple[Place, Place]]:
    """The same without the question whether the text asserts a reaction: medical writing counts "may cause" as a relation."""
    statement = Statement(text.text)
    places = spoken_of(statement, mentions(text.text, text.drugs))
    return [
        ((drug.span.start, drug.span.end), reaction)
        for reaction in text.reactions
        for drug in responsible(statement, places, *reaction)
    ]


def nearest(text: RelatedText) -> list[tuple[Place, Place]]:
    """Each reaction with the medicine that has the fewest characters in between."""
    return [
        (min(text.drugs, key=lambda drug: max(reaction[0] - drug[1], drug[0] - reaction[1])), reaction)
        for reaction in text.reactions
        if text.drugs
    ]


def same_sentence(text: RelatedText) -> list[tuple[Place, Place]]:
    """Every medicine with every reaction of its sentence."""
    statement = Statement(text.text)
    return [pair for pair in everything(text) if statement.sentence(pair[0][0]) == statement.sentence(pair[1][0])]


def everything(text: RelatedText) -> list[tuple[Place, Place]]:
    """Every medicine with every reaction."""
    return [(drug, reaction) for reaction in text.reactions for drug in text.drugs]


SYSTEMS: dict[str, System] = {
    "rules": rules,
    "rules, by names alone": rules_by_name,
    "rules, assertion not asked": rules_without_assertion,
    "nearest medicine": nearest,
    "all pairs of a sentence": same_sentence,
    "all pairs": everything,
}


def rows(texts: Sequence[RelatedText], seed: int, only: Collection[str] = SYSTEMS) -> list[Row]:
    """Precision, recall and F1 of each system, or of some, with 95 % intervals over texts."""
    return [row for name, system in SYSTEMS.items() if name in only for row in _rows(texts, name, system, seed)]


def choices(text: RelatedText) -> bool:
    """Whether there is something to decide: a candidate pair that the text does not assert beside one that it does."""
    candidates = _named(text.text, everything(text))
    return bool(text.pairs) and candidates != _named(text.text, text.pairs)


def counts(text: RelatedText, system: System) -> Counts:
    """Hits and misses of a system in one text."""
    ours, gold = _named(text.text, system(text)), _named(text.text, text.pairs)
    return Counts(len(ours & gold), len(ours & gold), len(ours), len(gold))


def _rows(texts: Sequence[RelatedText], name: str, system: System, seed: int) -> list[Row]:
    counted = [counts(text, system) for text in texts]
    table = np.asarray([(c.hits, c.found, c.predicted, c.gold) for c in counted], dtype=np.int64).reshape(-1, 4)
    everything_counted = total(counted)

    def drawn(metric: str) -> Callable[[Any], float]:
        return lambda index: float(getattr(Counts(*(int(v) for v in table[index].sum(axis=0))), metric))

    return [
        Row(name, metric, round(getattr(everything_counted, metric), 4), _interval(len(texts), drawn(metric), seed))
        for metric in ("precision", "recall", "f1")
    ]


def _interval(size: int, score: Callable[[Any], float], seed: int) -> list[float] | None:
    return bootstrap(size, score, seed) if size else None


def _named(text: str, found: Iterable[tuple[Place, Place]]) -> Named:
    return frozenset((_name(text, drug), reaction) for drug, reaction in found)


def _name(text: str, place: Place) -> str:
    return text[place[0] : place[1]].lower()
