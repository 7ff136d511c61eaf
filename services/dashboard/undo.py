"""What people did last, so that they can take it back: for some minutes, and in the process in which they did it."""

from __future__ import annotations

import secrets
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass

from shared.cases.model import Dossier
from shared.errors import AdrwatchError

_SECONDS = 600.0
_MOST = 1000

# A dossier before and after.
Changed = tuple[Dossier, Dossier]


@dataclass(frozen=True)
class Deed:
    """What one person did at once."""

    who: str
    what: str
    changed: tuple[Changed, ...]
    until: float


class Deeds:
    """The last deeds of everybody, by tokens that nobody can guess."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, Deed] = OrderedDict()

    def note(self, who: str, what: str, changed: list[Changed]) -> str | None:
        """Keep what somebody did; the token by which it can be taken back. None where nothing was changed."""
        if not changed:
            return None
        token = secrets.token_urlsafe(16)
        with self._lock:
            self._purge()
            self._kept[token] = Deed(who, what, tuple(changed), time.monotonic() + _SECONDS)
            while len(self._kept) > _MOST:
                self._kept.popitem(last=False)
        return token

    def take(self, token: str, who: str) -> Deed:
        """What is to be taken back, once. Raises AdrwatchError for what is too long ago, or another person's."""
        with self._lock:
            self._purge()
            deed = self._kept.get(token)
            if deed is None or deed.who != who:
                raise AdrwatchError(
                    "this can no longer be undone", fix="change it back by hand; the history shows how it was"
                )
            return self._kept.pop(token)

    def _purge(self) -> None:
        # Deeds hold whole dossiers, which are kept no longer than they can be of use. The oldest stand first.
        while self._kept and next(iter(self._kept.values())).until < time.monotonic():
            self._kept.popitem(last=False)
