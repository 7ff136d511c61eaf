"""Is a reaction listed in the reference safety information of its drug? Suggested sentence by sentence; a person decides.

A reaction is listed where a sentence names it and neither negates it ("no cases of anaphylaxis were observed") nor speaks of
what patients have ("a history of anaphylaxis"). What no sentence names is not listed; where there is no text of the drug, or no
vocabulary knows the reaction, nobody knows. Names are compared by their stems, with all synonyms of the vocabulary in force; one
that is part of another reaction's longer name ("shock" in "anaphylactic shock") is not it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from shared.assertion.text import Statement, cues
from shared.cases.model import Listedness
from shared.events import UNMAPPED, Concept
from shared.vocabulary.phrases import located_words, stem, words

_CUES = Path(__file__).with_name("listedness.toml")
# Words of the longest name that is looked for, and of the longest that may hold another.
_LONGEST = 8
# Words between what patients have and the word that says so ("history of severe anaphylaxis").
_CONDITION_REACH = 3


@dataclass(frozen=True)
class Suggestion:
    """What the text says, and the sentence that says it or why there is none."""

    word: Listedness
    reason: str

    def __str__(self) -> str:
        return f"{self.word}: {self.reason}"


class Names:
    """The names of reactions by their stems."""

    def __init__(self, phrases: Iterable[tuple[str, Concept]]) -> None:
        self._ids: dict[tuple[str, ...], set[str]] = {}
        for phrase, concept in phrases:
            self.add(phrase, concept)

    def add(self, phrase: str, concept: Concept) -> None:
        """Another name of a reaction."""
        found = tuple(stem(word) for word in words(phrase))
        if 0 < len(found) <= _LONGEST:
            self._ids.setdefault(found, set()).add(concept.id)

    def find(self, text: str, concept_id: str) -> Iterator[tuple[int, int]]:
        """Characters [start, end) where the text names a reaction, but not inside a longer name of another."""
        located = located_words(text)
        stems = [stem(word) for word, _, _ in located]
        spans = [
            (first, last)
            for first in range(len(stems))
            for last in range(first + 1, min(first + _LONGEST, len(stems)) + 1)
            if tuple(stems[first:last]) in self._ids
        ]
        for first, last in spans:
            ids = self._ids[tuple(stems[first:last])]
            longer = [span for span in spans if span[0] <= first and last <= span[1] and span != (first, last)]
            if concept_id in ids and not any(concept_id not in self._ids[tuple(stems[a:b])] for a, b in longer):
                yield located[first][1], located[last - 1][2]


def suggest(texts: Mapping[str, str], drug: Concept, reaction: Concept, names: Names) -> Suggestion:
    """What the reference safety information says; `texts` are by the drugs' concept ids."""
    text = texts.get(drug.id)
    if text is None:
        return Suggestion("unknown", f"no text of {drug.label}")
    if reaction.id == UNMAPPED:
        return Suggestion("unknown", "no vocabulary knows the reaction")
    names.add(reaction.label, reaction)
    statement = Statement(text)
    denied = ""
    for start, end in names.find(text, reaction.id):
        sentence = statement.sentence(start)
        told = " ".join(text[sentence.start : sentence.end].split())
        if not _negated(statement, start, end):
            return Suggestion("listed", told)
        denied = denied or told
    return Suggestion("not listed", denied or "no sentence names it")


def _negated(statement: Statement, start: int, end: int) -> bool:
    """Whether the sentence says that the reaction was not seen, or that patients have it. A semicolon begins another statement."""
    found, sentence = cues(_CUES), statement.sentence(start)
    before = found["not_negation"].sub("_", statement.between(sentence.start, start).rpartition(";")[2])
    after = statement.between(end, sentence.end).partition(";")[0]
    if any(not found["negation_ends"].search(before, match.end()) for match in found["negation"].finditer(before)):
        return True
    later = found["negated_after"].search(after)
    if later and not found["negation_ends"].search(after, 0, later.start()):
        return True
    return any(len(words(before[match.end() :])) <= _CONDITION_REACH for match in found["condition"].finditer(before))
