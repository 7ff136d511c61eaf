"""Posts of our own with what they assert: the labels that no open corpus of posts has, half of them held out.

The file is packaged (`data/statements.jsonl`, one JSON object a line). Another file of the same form may be given.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import msgspec

from services.evaluation.post_files import Place, check_places, read_posts

FILE = Path(__file__).with_name("data") / "statements.jsonl"
Part = Literal["development", "held-out"]
Said = Literal["asserted", "denied", "hypothetical", "asked", "listed", "indication", "benefit"]


class Reaction(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Characters [start, end) that could be read as a reaction, how the post speaks of them, and whose body it is."""

    start: int
    end: int
    status: Said
    person: Literal["writer", "other"]


class LabelledStatement(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One post. `pairs` are indexes of a drug and a reaction that the post asserts of one another.

    `serious` and `situations` are names of the signal rules that the post states. `limit` names what the rules are known not to
    read, such as sarcasm: these posts are scored by themselves.
    """

    id: str
    part: Part
    text: str
    drugs: list[Place]
    reactions: list[Reaction]
    pairs: list[tuple[int, int]]
    serious: list[str]
    situations: list[str]
    limit: str | None = None

    @property
    def gold(self) -> frozenset[tuple[Place, Place]]:
        """The asserted pairs by place: drug, reaction."""
        return frozenset((self.drugs[d], (self.reactions[r].start, self.reactions[r].end)) for d, r in self.pairs)


def read_statements(path: Path) -> list[LabelledStatement]:
    """All posts of a file. Raises AdrwatchError with file and line where one is not of the form."""
    return read_posts(path, LabelledStatement, _check, FILE)


def _check(post: LabelledStatement) -> None:
    places = [*post.drugs, *((reaction.start, reaction.end) for reaction in post.reactions)]
    check_places(post.text, places, post.pairs, len(post.drugs), len(post.reactions))
