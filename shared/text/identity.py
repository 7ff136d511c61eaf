"""Authors as keyed hashes: the same person stays one person in the counts, and nobody can be named from the data."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import stat
import tempfile
from pathlib import Path

from shared.errors import AdrwatchError
from shared.settings import Settings

SECRET_FILE = "author.secret"  # noqa: S105 - a file's name
_LEAST = 16


def author_hash(secret: str, source: str, author: str) -> str:
    """HMAC-SHA256 of source and author, cut to 16 bytes: 32 hexadecimal digits.

    A handle is one author with or without `@` and in any letter case. The source is part of the message, so that equal
    handles at two networks are two authors.
    """
    name = author.strip().removeprefix("@").casefold()
    return hmac.new(secret.encode(), f"{source}\x1f{name}".encode(), hashlib.sha256).hexdigest()[:32]


def author_secret(settings: Settings) -> str:
    """The key of the author hash: the setting, else the one in `<data_dir>/author.secret`, which is made once.

    Raises AdrwatchError if the file can be read by others, is too short, or can be neither read nor made.
    """
    if settings.author_secret is not None:
        return settings.author_secret.get_secret_value()
    path = settings.data_dir / SECRET_FILE
    try:
        if not path.exists():
            _create(path)
        mode = stat.S_IMODE(path.stat().st_mode)
        secret = path.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise AdrwatchError(
            f"the author secret {path} cannot be used: {getattr(error, 'strerror', 'it is no text')}",
            fix="set ADRWATCH_AUTHOR_SECRET, or ADRWATCH_DATA_DIR to a folder that can be written",
        ) from error
    if mode & 0o077:
        raise AdrwatchError(f"the author secret {path} is open to other users", fix=f"chmod 600 {path}")
    if len(secret) < _LEAST:
        raise AdrwatchError(
            f"the author secret {path} is shorter than {_LEAST} characters",
            fix="restore it from a backup; a new one makes new authors of everyone",
        )
    return secret


def _create(path: Path) -> None:
    """Write a random secret whole or not at all; of two processes that try at once, the first wins."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".author-")
    try:
        with os.fdopen(handle, "w") as file:
            file.write(secrets.token_hex(32) + "\n")
            file.flush()
            os.fsync(file.fileno())
        os.link(name, path)
    except FileExistsError:
        return
    finally:
        Path(name).unlink()
