"""The author secrets: one that names what is new, and those of before, under which what they have named is still found.

They stand in `<data_dir>/author.secret`, which only its owner can read: one a line, the current one first; behind each earlier
one a tab and the day (UTC) on which it was replaced. Settings may give them instead (decision 8).
"""

from __future__ import annotations

import hmac
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

from shared import logs, secret_file
from shared.errors import AdrwatchError
from shared.secret_file import LEAST, Secret
from shared.settings import Settings
from shared.topics import PUBLISHED

log = logs.logger("secrets")

FILE = "author.secret"
# Deletions find their posts for so long; an earlier secret is of use until then.
LASTS = timedelta(milliseconds=PUBLISHED.retention_ms)
_SECRET = Secret("author secret", "ADRWATCH_AUTHOR_SECRET", "a new one makes new authors of everyone")
_LOOK_SECONDS = 1.0


@dataclass(frozen=True)
class Key:
    """One secret. `replaced`: the day on which another one took its place; None for the current one, or where nobody noted it."""

    secret: str = field(repr=False)
    replaced: date | None = None

    @property
    def fingerprint(self) -> str:
        """Eight digits that tell secrets apart, and from which nobody finds a random one."""
        return hmac.digest(self.secret.encode(), b"fingerprint", "sha256").hex()[:8]

    @property
    def needed_until(self) -> date | None:
        """The day from which nothing that it has named is left to be found; None where that is not known."""
        return self.replaced + LASTS if self.replaced else None


@dataclass(frozen=True)
class Keyring:
    """The current secret and, newest first, those of before."""

    current: Key
    previous: tuple[Key, ...] = ()

    @classmethod
    def of(cls, current: str, *previous: str) -> Keyring:
        """A keyring of secrets whose days nobody noted."""
        return cls(Key(current), tuple(Key(one) for one in previous))

    @property
    def secrets(self) -> tuple[str, ...]:
        """All of them, the current one first."""
        return (self.current.secret, *(one.secret for one in self.previous))


# The keyring as it is at the moment: it may change while a source is followed.
Keys = Callable[[], Keyring]


def keyring(settings: Settings) -> Keyring:
    """The author secrets: of the settings, else of the file, which is made once.

    Raises AdrwatchError if the file can be read by others, has a line that is no secret, or can be neither read nor made.
    """
    if settings.author_secret is not None:
        return _with_settings(settings, Keyring.of(settings.author_secret.get_secret_value()))
    # Makes the file where there is none, and says what hinders it.
    secret_file.kept(_SECRET, None, path(settings))
    return _with_settings(settings, read(path(settings)))


def path(settings: Settings) -> Path:
    """Where the secrets are that no setting gives."""
    return settings.data_dir / FILE


def read(file: Path) -> Keyring:
    """The secrets of a file. Raises AdrwatchError if others can read it, if it cannot be read, or for a line that is no secret."""
    text = secret_file.read(_SECRET.name, file, f"restore it from a backup; {_SECRET.loss}")
    keys = [_key(file, number, line) for number, line in enumerate(text.split("\n"), 1) if line.strip()]
    if not keys:
        raise AdrwatchError(f"{file} holds no author secret", fix=f"restore it from a backup; {_SECRET.loss}")
    return Keyring(keys[0], tuple(keys[1:]))


def write(file: Path, keys: Keyring) -> None:
    """Put secrets into the file, whole or not at all. Raises AdrwatchError where it cannot be written."""
    lines = [keys.current.secret, *(f"{one.secret}\t{one.replaced}" for one in keys.previous)]
    secret_file.replace(_SECRET.name, file, "".join(f"{line}\n" for line in lines))


class LiveKeyring:
    """The keyring of a process that goes on for weeks; call it for the one in force. A file that has changed is read again."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._file = path(settings) if settings.author_secret is None else None
        # Before the file is read: a rotation in between is then one that the next look sees.
        self._stamp = self._look()
        self._keyring = keyring(settings)
        self._due = 0.0

    def __call__(self) -> Keyring:
        """The keyring in force."""
        if self._file is not None and time.monotonic() >= self._due:
            self._due = time.monotonic() + _LOOK_SECONDS
            stamp = self._look()
            if stamp != self._stamp:
                self._stamp = stamp
                self._take(self._file)
        return self._keyring

    def _look(self) -> tuple[int, int, int] | None:
        try:
            found = self._file.stat() if self._file is not None else None
        except OSError:
            return None
        return (found.st_mtime_ns, found.st_ino, found.st_mode) if found else None

    def _take(self, file: Path) -> None:
        try:
            # Never made here: a file that is gone is no wish for new names.
            self._keyring = _with_settings(self._settings, read(file))
        except AdrwatchError as error:
            log.error("the author secrets of before stay in force", error=error.message, fix=error.fix)
            return
        log.info(
            "author secrets are in force",
            current=self._keyring.current.fingerprint,
            previous=[one.fingerprint for one in self._keyring.previous],
        )


def _with_settings(settings: Settings, found: Keyring) -> Keyring:
    given = settings.previous_author_secrets
    more = [Key(one.strip()) for one in given.get_secret_value().split(",")] if given is not None else []
    return Keyring(found.current, (*found.previous, *(one for one in more if one.secret not in found.secrets)))


def _key(file: Path, number: int, line: str) -> Key:
    secret, tab, day = line.strip().partition("\t")
    if number == 1 and tab:
        raise AdrwatchError(
            f"line 1 of {file} is an earlier author secret: the current one is missing",
            fix=f"restore the file from a backup; {_SECRET.loss}",
        )
    if len(secret) < LEAST:
        raise AdrwatchError(
            f"the author secret in line {number} of {file} is shorter than {LEAST} characters",
            fix=f"restore it from a backup; {_SECRET.loss}",
        )
    if number == 1:
        return Key(secret)
    try:
        return Key(secret, date.fromisoformat(day.strip()))
    except ValueError:
        raise AdrwatchError(
            f"line {number} of {file} is no earlier author secret",
            fix="write the secret, a tab, and the day on which it was replaced, such as 2026-03-02",
        ) from None
