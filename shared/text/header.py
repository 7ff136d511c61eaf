"""The header of a table as an error may quote it."""

from __future__ import annotations

from collections.abc import Collection

_LONGEST_NAME = 60
_MOST_WORDS = 4


def columns(names: Collection[str]) -> str:
    """The names of a table's columns as the fix of an error; a first line that may be a post is never quoted."""
    if any(len(name) > _LONGEST_NAME or len(name.split()) > _MOST_WORDS for name in names):
        return "its first line is not a header: add one that names the columns"
    return f"its columns are: {', '.join(sorted(names))}"
