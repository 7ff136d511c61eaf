"""Finds reactions in a post by the names that the vocabulary has for them, as they stand: no guess at spelling or stems.

It is what reads posts that state something grave and in which the extractor, which has seen few deaths, finds no reaction.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from dataclasses import dataclass

import ahocorasick

from shared.events import Concept, Span
from shared.vocabulary.phrases import located_words
from shared.vocabulary.reactions import VAGUE, default_vocabulary


@dataclass(frozen=True, slots=True)
class NamedReaction:
    """Characters `span` of a text that are a phrase of the vocabulary, and the phrase's concept."""

    span: Span
    concept: Concept


class ReactionTerms:
    """The phrases of a vocabulary, found in one pass over a text (Aho and Corasick 1975)."""

    def __init__(self, phrases: Iterable[tuple[str, Concept]]) -> None:
        """Phrases in their normal form. Of a vague concept only its own name counts: "crazy" tells no psychosis."""
        self._automaton = ahocorasick.Automaton()
        for phrase, concept in phrases:
            if concept.id not in VAGUE or phrase == concept.label.lower():
                self._automaton.add_word(f" {phrase} ", (phrase.count(" "), concept))
        self._automaton.make_automaton()

    def find(self, text: str) -> list[NamedReaction]:
        """The longest phrases from left to right, without overlaps."""
        words = located_words(text)
        last_words: dict[int, int] = {}
        line = " "
        for index, (word, _, _) in enumerate(words):
            line += f"{word} "
            last_words[len(line) - 1] = index
        matches = []
        for at, (before, concept) in self._automaton.iter(line):
            last = last_words[at]
            matches.append((words[last - before][1], words[last][2], concept))
        found: list[NamedReaction] = []
        for start, end, concept in sorted(matches, key=lambda match: (match[0], -match[1])):
            if not found or start >= found[-1].span.end:
                found.append(NamedReaction(Span(start, end), concept))
        return found


@functools.cache
def default_terms() -> ReactionTerms:
    """The phrases of the vocabulary that adrwatch ships with, loaded once."""
    return ReactionTerms(default_vocabulary().phrases())
