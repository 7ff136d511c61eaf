"""A network's own id of a post, kept so that only the holder of the author secret can read it.

Keyed hashes are enough where a network says what was deleted. Where it must be asked, post by post, its own ids are
needed: they are encrypted (Fernet: AES-128-CBC with HMAC-SHA256, of the library `cryptography`) and kept for some
days (decision 5). What an earlier secret has sealed is opened for as long as that secret is kept (decision 8).
"""

from __future__ import annotations

import base64
import hashlib
import hmac

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from shared.keyring import Keyring, Keys


class Seal:
    """Seals the ids of one source with a key that is made of the current author secret."""

    def __init__(self, keys: Keys, source: str) -> None:
        self._keys = keys
        self._source = source
        self._made: tuple[Keyring, MultiFernet] | None = None

    def close(self, native: str) -> str:
        """The id, encrypted; another text each time."""
        return self._fernet().encrypt(native.encode()).decode()

    def open(self, sealed: str) -> str | None:
        """The id again, or None where it was sealed with a secret that is not there."""
        try:
            return self._fernet().decrypt(sealed.encode()).decode()
        except InvalidToken:
            return None

    def _fernet(self) -> MultiFernet:
        keyring = self._keys()
        if self._made is None or self._made[0] is not keyring:
            self._made = keyring, MultiFernet([self._key(secret) for secret in keyring.secrets])
        return self._made[1]

    def _key(self, secret: str) -> Fernet:
        key = hmac.new(secret.encode(), f"{self._source}\x1fseal".encode(), hashlib.sha256).digest()
        return Fernet(base64.urlsafe_b64encode(key))
