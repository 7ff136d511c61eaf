"""How a file was read, kept beside each of its dead letters, so that an export of them can be read again."""

from __future__ import annotations

import msgspec

RECIPE_HEADER = "adrwatch-recipe"


class Recipe(msgspec.Struct, frozen=True, kw_only=True):
    """`format` is jsonl, csv or tsv; `header` the first line of a table; `columns` role to column name.

    `source` is the name under which the posts were published: another name would give a mended post another id.
    """

    format: str
    source: str
    columns: dict[str, str]
    header: str | None = None

    def encode(self) -> bytes:
        """The recipe as the value of the record header `adrwatch-recipe`."""
        return msgspec.json.encode(self)

    def flags(self) -> list[str]:
        """The flags of `adrwatch ingest replay` that read a file in the same way."""
        named = [part for role, name in self.columns.items() for part in (f"--{role}", name)]
        return ["--format", self.format, "--source-name", self.source, *named]


def decode_recipe(data: bytes) -> Recipe:
    """The recipe of a record header. Raises msgspec.DecodeError or msgspec.ValidationError if it is none."""
    return msgspec.json.decode(data, type=Recipe)
