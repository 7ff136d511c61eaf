"""Texts that people type in: what no document, database or terminal can hold is refused where it comes in. Pure."""

from __future__ import annotations

import re

from shared.errors import AdrwatchError

# All but the characters of XML 1.0 (W3C recommendation, fifth edition, production 2): the strictest of those who take our texts.
_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def plain(text: str, name: str) -> str:
    """The text as it is. Raises AdrwatchError, with `name` and the place, for a character that XML does not allow."""
    found = _FORBIDDEN.search(text)
    if found is None:
        return text
    line = text.count("\n", 0, found.start()) + 1
    raise AdrwatchError(
        f"{name} holds the character U+{ord(found.group()):04X} in line {line}, which is none of a text",
        fix="write it without control characters, in UTF-8",
    )
