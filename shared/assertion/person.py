"""Whose body a reaction happened to: the writer's, or that of somebody the writer tells of.

Both are reports; a person who assesses them needs to know which (ICH E2B asks for the reporter and the patient apart).
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

from shared.assertion.text import Statement, cues

Person = Literal["writer", "other"]

_CUES = Path(__file__).with_name("person.toml")
# "my" counts for the writer only right before the reaction ("my hands shake"): "my mum" is somebody else.
_OWN_REACH = 2
_WORD = re.compile(r"[\w']+")
# Sentences before the reaction in which its person may have been named.
_BACK = 3


def person(statement: Statement, start: int, end: int) -> Person:
    """Whose reaction stands at [start, end): the nearest person named before it, in its sentence or those before.

    Where nobody is named before, the nearest behind it in its sentence; where nobody is named at all, the writer.
    """
    sentence = statement.sentence(start)
    inside = _opening(statement.between(start, end))
    if inside is not None:
        return inside
    for number in range(sentence.sentence, max(sentence.sentence - _BACK, 0) - 1, -1):
        part = statement.sentences[number]
        found = _nearest(statement, part.start, min(part.end, start))
        if found is not None:
            return found
        if number == sentence.sentence:
            behind = _first_behind(statement, end, part.end)
            if behind is not None:
                return behind
    return "writer"


def _opening(reaction: str) -> Person | None:
    """The person that the reaction itself begins with ("her calves ache", "i fell")."""
    found = cues(_CUES)
    if found["other"].match(reaction):
        return "other"
    return "writer" if found["writer"].match(reaction) else None


def _nearest(statement: Statement, start: int, end: int) -> Person | None:
    found = cues(_CUES)
    text = statement.between(start, end)
    masked = found["bystander"].sub(lambda match: " " * len(match[0]), text)
    last: dict[Person, int] = {"writer": -1, "other": -1}
    for match in found["other"].finditer(masked):
        last["other"] = match.start()
    for match in found["writer"].finditer(masked):
        last["writer"] = match.start()
    # "a lady in my group gained weight": once somebody else is named, "my" has to stand right at the reaction.
    reach = 0 if last["other"] >= 0 else _OWN_REACH
    for match in found["own"].finditer(masked):
        if len(_WORD.findall(masked, match.end())) <= reach:
            last["writer"] = max(last["writer"], match.start())
    if last["writer"] == last["other"]:
        return None
    return "writer" if last["writer"] > last["other"] else "other"


def _first_behind(statement: Statement, start: int, end: int) -> Person | None:
    found = cues(_CUES)
    text = found["bystander"].sub(lambda match: " " * len(match[0]), statement.between(start, end))
    other, writer = found["other"].search(text), found["writer"].search(text)
    if other is None or (writer is not None and writer.start() < other.start()):
        return None if writer is None else "writer"
    return "other"
