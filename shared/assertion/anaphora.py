"""Words of a post that mean a medicine without naming it: "it", "this stuff", "the second one", "both"."""

from __future__ import annotations

import functools
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from shared.assertion.text import Statement
from shared.events import Span

_CUES = Path(__file__).with_name("anaphora.toml")
_WORD = re.compile(r"[a-z0-9']+")
# Characters before "it" in which it is said to be taken.
_REACH = 24
_SAYS_NOTHING = frozenset({"the", "this", "that", "these", "those", "it", "one", "ones", "damn", "same", "whole"})
# A place in the order of naming; the other one; all of them; or whichever fits best.
Kind = Literal["place", "other", "all", "ranked"]
PLACES = {
    "first": 0, "1st": 0, "former": 0, "second": 1, "2nd": 1, "third": 2, "3rd": 2, "latter": -1, "last": -1,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Anaphor:
    """Characters `span`, and how they tell which medicine is meant. `says`: the words that tell it ("first", "old", "sleep")."""

    span: Span
    kind: Kind
    says: frozenset[str] = frozenset()


def anaphora(statement: Statement) -> list[Anaphor]:
    """The words of a post that mean a medicine, in order, none within another. "It" counts where it does something to somebody
    ("it makes me") or is taken ("off it"): it rains, and it hurts to walk.
    """
    found: list[Anaphor] = []
    for match in _anaphor().finditer(statement.lowered):
        kind: Kind = match.lastgroup  # type: ignore[assignment]
        words = _WORD.findall(match[0])
        if words[0] == "it" and not (
            _does().match(statement.lowered, match.end()) or _is_taken(statement, match.start())
        ):
            continue
        found.append(Anaphor(Span(*match.span()), kind, frozenset(words) - _SAYS_NOTHING))
    return found


def _is_taken(statement: Statement, start: int) -> bool:
    before = statement.between(max(start - _REACH, 0), start)
    return _taken().search(before) is not None


@functools.cache
def cue(name: str) -> str:
    """One list of the cues as alternatives of a regular expression."""
    return "|".join(tomllib.loads(_CUES.read_text(encoding="utf-8"))[name])


@functools.cache
def classes() -> dict[str, re.Pattern[str]]:
    """What names of a class of medicines have in common, by what people call the class."""
    listed: dict[str, list[str]] = tomllib.loads(_CUES.read_text(encoding="utf-8"))["classes"]
    return {name: re.compile(rf"(?:{'|'.join(stems)})\b") for name, stems in listed.items()}


@functools.cache
def _anaphor() -> re.Pattern[str]:
    """One group a kind, the more telling kinds first."""
    # "The shot site" and "the second pill of it" are something else.
    noun = rf"(?:ones?|{cue('nouns')})\b(?!'s| (?:of|sites?|reactions?)\b)"
    # Nothing of its own follows: "the first week" is no medicine, "no issue with the other" is.
    alone = rf"(?={_does().pattern}|\s*(?:$|[^\w\s'])|\s+(?:is|was|isn't|wasn't|does|did|doesn't|didn't|because|bc|but|and)\b)"
    does = rf"(?={_does().pattern})"
    ends = r"(?=\s*(?:$|[^\w\s']))"
    kinds = {
        "place": rf"the (?:{'|'.join(PLACES)})\b(?: {noun}|{alone})",
        "other": rf"the other\b(?: {noun}|{alone})",
        "all": rf"they both\b|both(?: of (?:them|these|those))?(?:{does}|{ends})|the two(?: of them)? (?:together|combined)\b"
        rf"|the (?:combo|combination|mix|mixture)\b|they{does}",
        # "That statins do" and "that was one week ago" mean no medicine.
        "ranked": rf"(?:the|this|these|those|that(?! (?:[a-z']+ )?(?:{noun}(?<=s)|one (?:week|day|month|year))))"
        rf"(?: (?!is |was |were |are |has |had )[a-z']+)? {noun}|it\b",
    }
    return re.compile(rf"\b(?:{'|'.join(f'(?P<{kind}>{pattern})' for kind, pattern in kinds.items())})")


@functools.cache
def _does() -> re.Pattern[str]:
    return re.compile(rf"(?:'s|,)?\s+(?:(?:{cue('adverbs')})\s+){{0,2}}(?:{cue('does')})\b")


@functools.cache
def _taken() -> re.Pattern[str]:
    return re.compile(rf"\b(?:{cue('taken')})\s+$")
