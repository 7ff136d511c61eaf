"""Dependency parses of posts behind one small interface, so that another parser can take spaCy's place.

A parse is made of the post's model text (`shared.text.clean.model_text`): offsets are the same as in the post.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Protocol

import msgspec

if TYPE_CHECKING:
    from shared.text.spacy_parser import SpacyParser

# Longer posts are cut here before parsing; models read no further either (shared.models.features).
MAX_CHARACTERS = 40_000


class Token(msgspec.Struct, frozen=True, gc=False):
    """One token: characters [start, end) of the post, Penn Treebank tag, dependency label, and its head.

    `head` is the index of the head in the parse; a root is its own head.
    """

    start: int
    end: int
    tag: str
    label: str
    head: int
    sentence_start: bool


@dataclass(frozen=True, slots=True)
class Parse:
    """The tokens of one post, in the order of the text."""

    tokens: tuple[Token, ...]


class Parser(Protocol):
    """Anything that turns posts into parses. `version` names the program and its data: features depend on it."""

    @property
    def version(self) -> str:
        """Name and version of the program and its data."""

    def parse(self, posts: Sequence[str]) -> list[Parse]:
        """One parse a post, in order."""


class Unparsed:
    """The parser of models that read no parses."""

    version = "none"

    def parse(self, posts: Sequence[str]) -> list[Parse]:
        """An empty parse a post."""
        return [Parse(())] * len(posts)


def parser_named(version: str) -> Parser:
    """The parser of models whose metadata has this name: none, or that of this machine, which may be another version."""
    return Unparsed() if version == Unparsed.version else default_parser()


@lru_cache(maxsize=1)
def default_parser() -> SpacyParser:
    """The shared parser of this process: loading takes about a second, so it happens once."""
    # Most processes that know what a parse is never make one.
    from shared.text.spacy_parser import SpacyParser

    return SpacyParser()
