"""Standard output for tables."""

from __future__ import annotations

import shutil

from rich.console import Console

_WIDE = 200


def tables() -> Console:
    """As wide as the terminal or COLUMNS says; else wide, so that a file or a pipe gets whole words."""
    return Console(width=shutil.get_terminal_size(fallback=(_WIDE, 50)).columns)
