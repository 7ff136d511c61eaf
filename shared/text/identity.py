"""Authors as keyed hashes: the same person stays one person in the counts, and nobody can be named from the data."""

from __future__ import annotations

import functools
import hmac

from shared.secret_file import Secret, kept
from shared.settings import Settings

SECRET_FILE = "author.secret"  # noqa: S105 - a file's name
_SECRET = Secret("author secret", "ADRWATCH_AUTHOR_SECRET", "a new one makes new authors of everyone")


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


def author_secret(settings: Settings) -> str:
    """The key of the author hash: the setting, else the one in `<data_dir>/author.secret`, which is made once.

    Raises AdrwatchError if the file can be read by others, is too short, or can be neither read nor made.
    """
    return kept(_SECRET, settings.author_secret, settings.data_dir / SECRET_FILE)


def _keyed_hash(secret: str, message: str) -> str:
    found = _begun(secret).copy()
    found.update(message.encode())
    return found.hexdigest()[:32]


# Working the key in takes longer than a message as short as these.
@functools.lru_cache(maxsize=4)
def _begun(secret: str) -> hmac.HMAC:
    return hmac.new(secret.encode(), digestmod="sha256")
