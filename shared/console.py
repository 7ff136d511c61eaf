"""What is written for people to read: tables, texts that others wrote, cells of spreadsheets."""

from __future__ import annotations

import shutil

from rich.console import Console

_WIDE = 200
# Cells that begin so would be run as formulas by spreadsheets.
FORMULAS = ("=", "+", "-", "@", "\t", "\r")


def tables() -> Console:
    """As wide as the terminal or COLUMNS says; else wide, so that a file or a pipe gets whole words."""
    return Console(width=shutil.get_terminal_size(fallback=(_WIDE, 50)).columns)


def printable(text: str) -> str:
    """A text that somebody wrote, harmless to a terminal: control characters are spelled out."""
    return "".join(letter if letter.isprintable() or letter in "\n\t" else repr(letter)[1:-1] for letter in text)


def safe_cell(value: str | float | None) -> str | float | None:
    """A value that a spreadsheet takes for text, not for a formula."""
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULAS) else value
