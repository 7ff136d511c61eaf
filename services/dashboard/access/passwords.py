"""Passwords: what is asked of them, and how they are kept (argon2id, RFC 9106, with the defaults of argon2-cffi)."""

from __future__ import annotations

import functools
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from shared.errors import AdrwatchError, DependencyAway

SHORTEST, LONGEST = 12, 200
_HASHER = PasswordHasher()
# Each takes 64 MiB and all of a core or more: a crowd at the sign-in must not take the memory of the rest.
_AT_ONCE = threading.BoundedSemaphore(2)
_WAIT_SECONDS = 5.0
# Of the commonest ones, those that are long enough: a word, a walk over the keyboard or a row of numbers, once or twice.
_COMMON_PARTS = (
    "password", "passw0rd", "qwertyuiop", "qwerty", "1234567890", "123456789", "12345678", "123456", "letmein", "welcome",
    "iloveyou", "administrator", "changeme", "adrwatch", "abcdefghijkl", "abc123", "asdfghjkl", "1q2w3e4r5t", "1q2w3e4r",
)  # fmt: skip


def checked(name: str, password: str) -> str:
    """The password, if it may be one. Raises AdrwatchError that says what is wrong, and quotes nothing."""
    folded = password.casefold()
    if not SHORTEST <= len(password) <= LONGEST:
        raise AdrwatchError(
            f"the password has {len(password)} characters",
            fix=f"choose one of {SHORTEST} to {LONGEST}: several words do",
        )
    if name.casefold() in folded and len(folded) - len(name) < SHORTEST:
        raise AdrwatchError("the password is little more than the name", fix="choose another")
    for part in _COMMON_PARTS:
        folded = folded.replace(part, "")
    if len(set(folded)) < 5:
        raise AdrwatchError("the password is one of those that are tried first", fix="choose another: several words do")
    return password


def kept(password: str) -> str:
    """What is kept of a password. Raises DependencyAway while too many are hashed."""
    with _turn():
        return _HASHER.hash(password)


def fits(hashed: str | None, password: str) -> bool:
    """Whether a password is the one that was kept; without one it takes as long, so that time says nothing of names.

    Raises DependencyAway while too many are checked.
    """
    if len(password) > LONGEST:
        return False
    with _turn():
        try:
            return _HASHER.verify(hashed or _of_nobody(), password) and hashed is not None
        except (VerificationError, InvalidHashError):
            return False


def outdated(hashed: str) -> bool:
    """Whether a hash was made with other parameters than those of today."""
    return _HASHER.check_needs_rehash(hashed)


@contextmanager
def _turn() -> Iterator[None]:
    if not _AT_ONCE.acquire(timeout=_WAIT_SECONDS):
        raise DependencyAway("too many people sign in at once", fix="try again in a few seconds")
    try:
        yield
    finally:
        _AT_ONCE.release()


@functools.cache
def _of_nobody() -> str:
    return _HASHER.hash(secrets.token_urlsafe())
