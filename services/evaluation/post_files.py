"""Files of posts with what people found in them, as JSON Lines: one reader, which names the line that is broken."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

import msgspec

from shared.errors import AdrwatchError

Place = tuple[int, int]
_P = TypeVar("_P", bound=msgspec.Struct)


def read_posts(path: Path, kind: type[_P], check: Callable[[_P], None], example: Path) -> list[_P]:
    """All posts of a file. `check` raises ValueError naming what is wrong; `example` is a file of the form.

    Raises AdrwatchError with file and line where one is not of the form, and where there is none.
    """
    if not path.is_file():
        raise AdrwatchError(
            f"no file of posts at {path}", fix=f"give a JSON Lines file like {example.name}, or leave it out"
        )
    posts = []
    with path.open(encoding="utf-8") as stream:
        for number, line in enumerate(stream, start=1):
            try:
                post = msgspec.json.decode(line, type=kind)
                check(post)
            except (msgspec.DecodeError, UnicodeDecodeError, ValueError) as error:
                raise AdrwatchError(
                    f"{path}, line {number}: {error}",
                    fix="repair or remove the line; docs/attribution.md has the fields",
                ) from error
            posts.append(post)
    if not posts:
        raise AdrwatchError(f"{path} holds no post", fix=f"give one JSON object a line, like {example.name}")
    return posts


def check_places(text: str, places: Iterable[Place], pairs: Iterable[Place], drugs: int, reactions: int) -> None:
    """Spans lie in their text, and pairs name one of so many drugs and reactions. Raises ValueError naming what does not."""
    if any(not 0 <= start < end <= len(text) for start, end in places):
        raise ValueError("a span lies outside its text")
    if any(not (0 <= drug < drugs and 0 <= at < reactions) for drug, at in pairs):
        raise ValueError("a pair names a drug or reaction that the post lacks")
