"""Signed messages over HTTP, by the Standard Webhooks specification: what signs them and what checks them.

A signature is `v1,` and base64 of HMAC-SHA256 over `id.timestamp.body`; several may stand in the header, with blanks between.
https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from shared.errors import AdrwatchError

_PREFIX = "whsec_"
_VERSION = "v1,"
_IDENTITY = re.compile(r"[!-~]{1,256}")
_MOMENT = re.compile(r"[0-9]{1,12}")
# More than anybody needs who changes keys.
_MOST_SIGNATURES = 10


class UnsignedError(Exception):
    """A message whose headers cannot prove who sent it; the text says why, in words for its sender."""


def signing_key(secret: str, where: str) -> bytes:
    """The bytes of a secret: `whsec_` and base64 as the specification has it, any other as it is written.

    Raises AdrwatchError, without the secret; `where` is whose it is.
    """
    if not secret.startswith(_PREFIX):
        return secret.encode()
    try:
        return base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except binascii.Error:
        raise AdrwatchError(
            f"{where}: the secret begins with whsec_ and no base64 follows", fix="copy it whole"
        ) from None


def signed(key: bytes, identity: str, moment: int, body: bytes) -> dict[str, str]:
    """The headers of a message that is sent at a moment, in seconds since 1970; a repeat has the same identity."""
    return {
        "webhook-id": identity,
        "webhook-timestamp": str(moment),
        "webhook-signature": _signature(key, identity, str(moment), body),
    }


@dataclass(frozen=True)
class Claim:
    """What the headers of a message claim. It is proven only when `fits` says so."""

    identity: str
    moment: str
    signatures: tuple[str, ...]

    def fits(self, keys: Iterable[bytes], body: bytes) -> bool:
        """Whether any of the keys has signed this body. How long it takes does not tell how much was right."""
        wanted = [_signature(key, self.identity, self.moment, body).encode() for key in keys]
        found = [hmac.compare_digest(one, given.encode()) for one in wanted for given in self.signatures]
        return any(found)


def claim(headers: Mapping[str, str], now: float, tolerance: float) -> Claim:
    """The claim in a message's headers. Raises UnsignedError where one is missing or has no form.

    So it does where the message was sent earlier or later than `now` by more than `tolerance`, both in seconds.
    """
    identity, moment, given = (headers.get(f"webhook-{one}", "") for one in ("id", "timestamp", "signature"))
    if not (identity and moment and given):
        raise UnsignedError("The headers webhook-id, webhook-timestamp and webhook-signature are needed.")
    if not _IDENTITY.fullmatch(identity):
        raise UnsignedError("The header webhook-id is longer than 256 characters, or holds others than visible ASCII.")
    if not _MOMENT.fullmatch(moment):
        raise UnsignedError("The header webhook-timestamp is no whole number of seconds since 1970.")
    if abs(now - int(moment)) > tolerance:
        raise UnsignedError(
            f"The header webhook-timestamp lies more than {tolerance:g} s from now: sign anew, and see to the clock."
        )
    signatures = [one for one in given.split() if one.startswith(_VERSION) and one.isascii()]
    if not signatures or len(signatures) > _MOST_SIGNATURES:
        raise UnsignedError(
            f"The header webhook-signature holds no signature of the form {_VERSION}BASE64, or too many."
        )
    return Claim(identity, moment, tuple(signatures))


def _signature(key: bytes, identity: str, moment: str, body: bytes) -> str:
    mac = hmac.new(key, f"{identity}.{moment}.".encode() + body, hashlib.sha256).digest()
    return f"{_VERSION}{base64.b64encode(mac).decode()}"
