"""Authors as keyed hashes: the same person stays one person in the counts, and nobody can be named from the data."""

from __future__ import annotations

import functools
import hmac


def author_hash(secret: str, source: str, author: str) -> str:
    """HMAC-SHA256 of source and author, cut to 16 bytes: 32 hexadecimal digits.

    A handle is one author with or without `@` and in any letter case. The source is part of the message, so that equal
    handles at two networks are two authors.
    """
    name = author.strip().removeprefix("@").casefold()
    return _keyed_hash(secret, f"{source}\x1f{name}")


def post_hash(secret: str, source: str, native: str) -> str:
    """HMAC-SHA256 of source and native id, 32 hexadecimal digits: for networks whose ids of posts contain their author."""
    return _keyed_hash(secret, f"{source}\x1fpost\x1f{native}")


def _keyed_hash(secret: str, message: str) -> str:
    found = _begun(secret).copy()
    found.update(message.encode())
    return found.hexdigest()[:32]


# Working the key in takes longer than a message as short as these.
@functools.lru_cache(maxsize=8)
def _begun(secret: str) -> hmac.HMAC:
    return hmac.new(secret.encode(), digestmod="sha256")
