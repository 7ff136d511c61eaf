"""Refused records as the dead letters may keep them: what names a person is masked or hashed, the rest can be mended.

Where a record can be parsed, only the columns that adrwatch reads are kept, the text is masked and the author becomes
`hmac:<author hash>`, which `accept` takes over when the mended record is read again. A line that cannot be parsed is
masked word by word, so that no mask swallows its brackets and delimiters.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from services.ingest.columns import PERSON_KEYS, Columns
from services.ingest.delimited import Dialect, join
from shared.text.clean import mask
from shared.text.phones import mask_phones

# In the JSON of a dead letter these bytes become 900,000, which stay below Kafka's limit of a megabyte a record.
MOST_BYTES = 675_000
HASHED = "hmac:"

_BREAKS = re.compile(r"(\\u[0-9a-fA-F]{4}|\\.|[\s\",;<>|{}\[\]()]+)")
_PERSON = re.compile(rf'("(?:{"|".join(sorted(PERSON_KEYS))})"\s*:\s*)("(?:[^"\\]|\\.)*"?|[^\s,}}\]]+)')
_LONGEST_WORD = 500

Pseudonym = Callable[[str], str]


def pseudonym(author_hash: Callable[[str], str]) -> Pseudonym:
    """Turns an author into `hmac:<hash>`, and leaves one that is a hash already."""

    def veiled(author: str) -> str:
        return author if author.startswith(HASHED) else HASHED + author_hash(author)

    return veiled


def veil_line(data: bytes, hashed: Pseudonym) -> bytes:
    """A line that cannot be parsed: handles, addresses and the values of JSON keys that name people."""
    text = data[:MOST_BYTES].decode(errors="surrogateescape")
    text = _PERSON.sub(lambda found: f'{found[1]}"{hashed(found[2].strip(chr(34)))}"', text)
    return _bytes(_mask_words(text))


def veil_fields(
    fields: Sequence[str], header: Sequence[str], columns: Columns, dialect: Dialect, hashed: Pseudonym
) -> bytes:
    """A record of a table. Columns that are not read become empty; with another number of fields than the header
    has, nothing is known of them, and all are masked as words.
    """
    roles = {name: role for role, name in columns.named().items()}
    if len(fields) == len(header):
        kept = [
            _value(roles[name], field, hashed) if name in roles else ""
            for name, field in zip(header, fields, strict=True)
        ]
        return _bytes(join(kept, dialect))
    loose = [_mask_words(field) for field in fields]
    author = header.index(columns.author) if columns.author else len(fields)
    if author < len(fields):
        loose[author] = hashed(fields[author])
    return _bytes(dialect.delimiter.join(loose))


def veil_object(values: Mapping[str, Any], columns: Columns, hashed: Pseudonym) -> bytes:
    """A JSON object: its columns that are read, by the names they have; `values` is role to value."""
    kept = {
        name: _value(role, str(values[role]), hashed)
        for role, name in columns.named().items()
        if isinstance(values.get(role), str | int | float)
    }
    return _bytes(msgspec.json.encode(kept).decode())


def _value(role: str, value: str, hashed: Pseudonym) -> str:
    if role == "author":
        return hashed(value) if value.strip() else ""
    # An id may be an address; with blanks in it, it is no id but a text in the wrong column.
    if role == "id" and len(value.split()) == 1:
        return value
    return _mask_words(value)


def _mask_words(text: str) -> str:
    # Numbers have blanks between their groups, so they are found before the words are taken apart.
    return "".join(_mask_word(part) for part in _BREAKS.split(mask_phones(text)))


def _mask_word(word: str) -> str:
    if not any(sign in word.lower() for sign in ("@", "/", "www", "bsky")):
        return word
    return "".join(mask(word[at : at + _LONGEST_WORD]) for at in range(0, len(word), _LONGEST_WORD))


def _bytes(text: str) -> bytes:
    return text.encode(errors="surrogateescape")[:MOST_BYTES]
