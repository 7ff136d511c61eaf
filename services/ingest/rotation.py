"""Changes of the author secrets' file: a new secret, and the end of an earlier one."""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from shared import keyring
from shared.errors import AdrwatchError
from shared.keyring import Key, Keyring
from shared.settings import Settings


def rotate(settings: Settings) -> Keyring:
    """Put a new random secret before those of the file; gives the file's.

    Raises AdrwatchError where a setting gives the secret, or the file cannot be read or written.
    """
    _refuse_given(settings)
    # The first one is made where there is none: it may be that nothing was ever named.
    keyring.keyring(settings)
    with _alone(settings) as file:
        found = keyring.read(file)
        replaced = Key(found.current.secret, datetime.now(UTC).date())
        made = Keyring(Key(secrets.token_hex(32)), (replaced, *found.previous))
        keyring.write(file, made)
    return made


def retire(settings: Settings, fingerprint: str, *, early: bool) -> Key:
    """Take an earlier secret out of the file; gives it.

    Raises AdrwatchError for one that is not there, for the current one and, unless `early`, for one under which posts may still
    have to be found.
    """
    _refuse_given(settings)
    with _alone(settings) as file:
        found = keyring.read(file)
        if fingerprint == found.current.fingerprint:
            raise AdrwatchError(
                f"{fingerprint} is the current author secret", fix="make a new one first: `adrwatch secrets rotate`"
            )
        gone = next((one for one in found.previous if one.fingerprint == fingerprint), None)
        if gone is None:
            raise AdrwatchError(f"{file} has no secret {fingerprint}", fix="`adrwatch secrets list` shows those it has")
        until = gone.needed_until
        if not early and (until is None or datetime.now(UTC).date() < until):
            raise AdrwatchError(
                f"posts that the secret {fingerprint} has named can be deleted at their networks until {until}, and would "
                "not be found without it",
                fix="wait until then, or say --early",
            )
        keyring.write(file, Keyring(found.current, tuple(one for one in found.previous if one is not gone)))
    return gone


def _refuse_given(settings: Settings) -> None:
    if settings.author_secret is not None:
        raise AdrwatchError(
            "ADRWATCH_AUTHOR_SECRET gives the author secret, and no command can change that",
            fix="put a new secret there and the old one first into ADRWATCH_PREVIOUS_AUTHOR_SECRETS, then restart what ingests",
        )


@contextmanager
def _alone(settings: Settings) -> Iterator[Path]:
    """The file, while no other command changes it."""
    file = keyring.path(settings)
    try:
        folder = os.open(file.parent, os.O_RDONLY)
    except OSError as error:
        raise AdrwatchError(
            f"the folder {file.parent} cannot be read: {error.strerror}", fix="set ADRWATCH_DATA_DIR to that of ingest"
        ) from error
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield file
    finally:
        os.close(folder)
