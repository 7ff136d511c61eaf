"""A network's own id of a post, kept so that only the holder of the author secret can read it.

Keyed hashes are enough where a network says what was deleted. Where it must be asked, post by post, its own ids are
needed: they are encrypted (Fernet: AES-128-CBC with HMAC-SHA256, of the library `cryptography`) and kept for some days
(decision 5).
"""

from __future__ import annotations

import base64
import hashlib
import hmac

from cryptography.fernet import Fernet, InvalidToken


class Seal:
    """Seals the ids of one source with a key that is made of the author secret."""

    def __init__(self, secret: str, source: str) -> None:
        key = hmac.new(secret.encode(), f"{source}\x1fseal".encode(), hashlib.sha256).digest()
        self._fernet = Fernet(base64.urlsafe_b64encode(key))

    def close(self, native: str) -> str:
        """The id, encrypted; another text each time."""
        return self._fernet.encrypt(native.encode()).decode()

    def open(self, sealed: str) -> str | None:
        """The id again, or None where it was sealed with another secret."""
        try:
            return self._fernet.decrypt(sealed.encode()).decode()
        except InvalidToken:
            return None
