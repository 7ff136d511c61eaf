"""Which column of a file is which part of a post."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, fields

from shared.errors import AdrwatchError
from shared.text import header

# The first name that a file has wins. `source` is never guessed: at Twitter it names the client, not the network.
GUESSES: dict[str, tuple[str, ...]] = {
    "id": ("id_str", "id", "tweet_id", "post_id", "status_id", "message_id"),
    "text": ("full_text", "text", "tweet", "text_handles_masked", "post", "body", "content", "message"),
    "time": ("created_at", "time", "timestamp", "date", "datetime", "created_utc", "published"),
    "author": ("user_id", "author_id", "user.id_str", "user.id", "author", "user", "username", "screen_name", "handle"),
    "language": ("language", "lang"),
    "source": (),
}
# Keys under which records name people; where a line cannot be parsed, their values are hashed in its dead letter.
PERSON_KEYS = frozenset(
    {name.rpartition(".")[2] for name in GUESSES["author"]} - {"id", "id_str"} | {"name", "display_name", "email"}
)
_REQUIRED = ("id", "text", "time")


@dataclass(frozen=True)
class Columns:
    """The names of the columns that are read; None where a file has none. Dots go down into JSON objects."""

    id: str | None = None
    text: str | None = None
    time: str | None = None
    author: str | None = None
    source: str | None = None
    language: str | None = None

    def named(self) -> dict[str, str]:
        """Role to column name, for those that are set."""
        return {field.name: name for field in fields(self) if (name := getattr(self, field.name)) is not None}


def choose(available: Collection[str], wanted: Columns, file: str) -> Columns:
    """Complete the columns that were asked for by the usual names.

    Raises AdrwatchError when a column that was asked for, or one that every post needs, is not there; the error lists
    those that are.
    """
    for role, name in wanted.named().items():
        if name not in available:
            raise AdrwatchError(f"{file} has no column {name!r} for --{role}", fix=header.columns(available))
    by_lower = {name.lower(): name for name in reversed(list(available))}
    chosen = wanted.named()
    for role, guesses in GUESSES.items():
        guess = next((by_lower[name] for name in guesses if name in by_lower), None)
        if role not in chosen and guess is not None:
            chosen[role] = guess
    for role in _REQUIRED:
        if role not in chosen:
            raise AdrwatchError(
                f"no column of {file} looks like the {role}", fix=f"--{role} NAME; {header.columns(available)}"
            )
    return Columns(**chosen)
