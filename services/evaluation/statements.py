"""Posts of our own with what they assert: the labels that no open corpus of posts has, half of them held out.

The file is packaged (`data/statements.jsonl`, one JSON object a line). Another file of the same form may be given.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import msgspec

from shared.errors import AdrwatchError

FILE = Path(__file__).with_name("data") / "statements.jsonl"
Part = Literal["development", "held-out"]
Said = Literal["asserted", "denied", "hypothetical", "asked", "listed", "indication", "benefit"]
Place = tuple[int, int]


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
    if not path.is_file():
        raise AdrwatchError(
            f"no file of posts at {path}", fix=f"give --data a JSONL file like {FILE.name}, or leave it out"
        )
    posts = []
    with path.open(encoding="utf-8") as stream:
        for number, line in enumerate(stream, start=1):
            try:
                post = msgspec.json.decode(line, type=LabelledStatement)
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                raise AdrwatchError(
                    f"{path}, line {number}: {error}",
                    fix="repair or remove the line; docs/attribution.md has the fields",
                ) from error
            trouble = _trouble(post)
            if trouble:
                raise AdrwatchError(f"{path}, line {number}: {trouble}", fix="repair or remove the line")
            posts.append(post)
    return posts


def _trouble(post: LabelledStatement) -> str | None:
    places: Sequence[Place] = [*post.drugs, *((reaction.start, reaction.end) for reaction in post.reactions)]
    if any(not 0 <= start < end <= len(post.text) for start, end in places):
        return "a span lies outside its text"
    if any(not (0 <= drug < len(post.drugs) and 0 <= at < len(post.reactions)) for drug, at in post.pairs):
        return "a pair names a drug or reaction that the post lacks"
    return None
