"""What every channel promises."""

from __future__ import annotations

from typing import Protocol

from shared.errors import AdrwatchError, DependencyAway
from shared.events import Notification


class Away(DependencyAway):
    """The receiver cannot take it now. `retry_after`: seconds for which it asks for peace."""

    def __init__(self, message: str, *, fix: str = "", retry_after: float = 0.0) -> None:
        super().__init__(message, fix=fix)
        self.retry_after = retry_after


class Refused(AdrwatchError):
    """The receiver will not take this message, however often it comes."""


class Carrier(Protocol):
    """An open channel."""

    def carry(self, notification: Notification) -> None:
        """Deliver one message; returns when the receiver has accepted it. Raises Away or Refused."""

    def close(self) -> None:
        """Let connections go."""
