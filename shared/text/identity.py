"""Authors as keyed hashes: the same person stays one person in the counts, and nobody can be named from the data."""

from __future__ import annotations

import hmac


def author_hash(secret: str, source: str, author: str) -> str:
    """HMAC-SHA256 of source and author, cut to 16 bytes: 32 hexadecimal digits.

    A handle is one author with or without `@` and in any letter case. The source is part of the message, so that equal
    handles at two networks are two authors.
    """
    name = author.strip().removeprefix("@").casefold()
    return hmac.digest(secret.encode(), f"{source}\x1f{name}".encode(), "sha256").hex()[:32]


def post_hash(secret: str, source: str, native: str) -> str:
    """HMAC-SHA256 of source and native id, 32 hexadecimal digits: for networks whose ids of posts contain their author."""
    return hmac.digest(secret.encode(), f"{source}\x1fpost\x1f{native}".encode(), "sha256").hex()[:32]
