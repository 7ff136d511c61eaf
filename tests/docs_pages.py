"""Command lines of README.md and docs/, as they stand in fenced blocks, taken apart like a shell does."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from shared.settings import PACKAGE_ROOT

_BLOCK = re.compile(r"^```(?P<language>[^\n]*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
_ASSIGNMENT = re.compile(r"^[A-Za-z_]\w*=")
_BETWEEN = {"&&", ";", "|", "||"}
SHELL = ("sh", "bash")
OUR_OWN = ("adrwatch", "make", "docker", "python")


@dataclass(frozen=True)
class Line:
    """One simple command: `words` without what comes before and after it, `output` the file that it writes to."""

    page: str
    number: int
    text: str
    words: tuple[str, ...]
    variables: dict[str, str] = field(default_factory=dict)
    output: str | None = None

    @property
    def place(self) -> str:
        """Where it stands, for a person."""
        return f"{self.page}:{self.number}: {' '.join(self.words)}"


def pages() -> list[Path]:
    """README.md first, then the docs in the order of their names."""
    return [PACKAGE_ROOT / "README.md", *sorted((PACKAGE_ROOT / "docs").rglob("*.md"))]


def lines(page: Path) -> Iterator[Line]:
    """Every simple command of every block of the page that is shell."""
    text = page.read_text(encoding="utf-8")
    for block in _BLOCK.finditer(text):
        first = text.count("\n", 0, block.start("text")) + 1
        if block["language"].split(" ")[0] in SHELL:
            yield from _commands(page.relative_to(PACKAGE_ROOT).as_posix(), first, block["text"])


def unmarked(page: Path) -> list[str]:
    """Blocks that hold commands of adrwatch and do not say that they are shell."""
    text = page.read_text(encoding="utf-8")
    return [
        block["text"].splitlines()[0]
        for block in _BLOCK.finditer(text)
        if block["language"].split(" ")[0] not in SHELL
        and re.search(r"^(\S+=\S+ )*adrwatch ", block["text"], re.MULTILINE)
    ]


def _commands(page: str, first: int, block: str) -> Iterator[Line]:
    joined, start = "", first
    for number, raw in enumerate(block.splitlines(), first):
        if not joined:
            start = number
        joined += raw.removesuffix("\\") + ("" if not raw.endswith("\\") else " ")
        if raw.endswith("\\"):
            continue
        yield from _simple(page, start, joined)
        joined = ""


def _simple(page: str, number: int, text: str) -> Iterator[Line]:
    reader = shlex.shlex(text, posix=True, punctuation_chars="&|;<>")
    reader.commenters = ""
    reader.whitespace_split = True
    words: list[str] = []
    for word in [*_without_comment(reader), ";"]:
        if word not in _BETWEEN:
            words.append(word)
            continue
        if words:
            yield _line(page, number, text.strip(), words)
        words = []


def _without_comment(words: Iterator[str]) -> Iterator[str]:
    """A comment begins with a word, not within one: `ner/x#y` is a word."""
    for word in words:
        if word.startswith("#"):
            return
        yield word


def _line(page: str, number: int, text: str, words: list[str]) -> Line:
    variables = {}
    while words and _ASSIGNMENT.match(words[0]):
        name, _, value = words.pop(0).partition("=")
        variables[name] = value
    output = None
    if ">" in words:
        at = words.index(">")
        output, words = words[at + 1], words[:at] + words[at + 2 :]
    return Line(page, number, text, tuple(words), variables, output)
