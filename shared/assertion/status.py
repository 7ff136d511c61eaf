"""Whether a post asserts a reaction, by cues and clauses: NegEx's idea (Chapman et al. 2001) with the ways of the networks.

The order decides: a label recited or a fear is told first, because both are full of words that would look like more.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

from shared.assertion.text import Part, Statement, cues
from shared.vocabulary.phrases import bridges, is_function, negated, words

Status = Literal["asserted", "denied", "hypothetical", "asked", "listed"]

_CUES = Path(__file__).with_name("cues.toml")
# A cue reaches this many words ahead; beyond it speaks of something else.
_REACH = 7
_HYPOTHETICAL_REACH = 10
# "does not", "is sick": the subject was left out, and nothing is asked.
_BARE = re.compile(r"\w+(?! not\b| \w+ing\b)\s")
# Characters after a question in which the asker may go on with their own story.
_ANSWER = 30
_WORD = re.compile(r"[\w'/]+")


def status(statement: Statement, start: int, end: int) -> Status:
    """How the post speaks of the reaction at characters [start, end). Negation inside the reaction is part of it."""
    sentence = statement.sentence(start)
    before = statement.between(sentence.start, start)
    if _listed(statement, sentence.start, start):
        return "listed"
    if _asked(statement, sentence, before):
        return "asked"
    if any(_gap(before, match.end()) <= _HYPOTHETICAL_REACH for match in cues(_CUES)["hypothetical"].finditer(before)):
        return "hypothetical"
    return "denied" if _denied(statement, start, end) else "asserted"


def widened(statement: Statement, start: int, end: int) -> int:
    """Where the reaction really starts: "can't" and "no" before what a body should do belong to it ("can't sleep")."""
    listed = words(statement.between(start, end))
    if not listed or not is_function(listed[0]):
        return start
    clause = statement.clause(start)
    ahead = list(_WORD.finditer(statement.lowered, clause.start, start))[-4:]
    for match in reversed(ahead):
        word = words(match[0])
        if word and negated(word[:1]):
            return match.start()
        if not word or not bridges(word[0]):
            break
    return start


def _denied(statement: Statement, start: int, end: int) -> bool:
    clause = statement.clause(start)
    rest = statement.between(end, statement.sentence(start).end)
    if cues(_CUES)["not_before"].match(rest.lstrip(" ,")):
        return False
    before = statement.between(clause.start, start)
    hidden = cues(_CUES)["not_negation"].sub(lambda match: "_" * len(match[0]), before)
    for match in cues(_CUES)["negation"].finditer(hidden):
        ahead = hidden[match.end() :]
        if _gap(hidden, match.end()) <= _REACH and not cues(_CUES)["negation_ends"].search(ahead):
            return True
    after = statement.between(end, clause.end).lstrip(" -")
    return bool(cues(_CUES)["negated_after"].match(after))


def _listed(statement: Statement, sentence_start: int, start: int) -> bool:
    """A label's words come first, and nobody in the sentence has it: "side effects include nausea"."""
    before = statement.between(sentence_start, start)
    found = cues(_CUES)
    sentence = statement.sentence(start)
    if found["label_recited"].search(before):
        return not found["causes"].search(before)
    if not found["label_list"].search(before):
        return False
    return not cues(_CUES)["first_person"].search(statement.between(sentence.start, sentence.end))


def _asked(statement: Statement, sentence: Part, before: str) -> bool:
    found = cues(_CUES)
    words_of_it = statement.between(sentence.start, sentence.end)
    if found["shared_experience"].search(words_of_it):
        return False
    following = statement.lowered[sentence.end : sentence.end + _ANSWER].lstrip(" ?!")
    if found["own_answer"].match(following):
        return False
    if found["asking"].search(before):
        return True
    opening = _opening(words_of_it)
    if not words_of_it.rstrip(" \"')]").endswith("?"):
        return bool(_BARE.match(opening) and found["bare_question"].match(opening)) and not found[
            "first_person"
        ].search(words_of_it)
    if found["why_question"].match(opening):
        return False
    return bool(found["future_question"].match(opening)) or not found["first_person"].search(words_of_it)


def _opening(sentence: str) -> str:
    """The sentence from its first word on, masks and hashtags left out."""
    return re.sub(r"^(?:\W|@user\b|httpurl\b)+", "", sentence)


def _gap(text: str, at: int) -> int:
    """Words from `at` to the end of the text."""
    return len(_WORD.findall(text, at))
