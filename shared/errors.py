"""Typed errors. Each says what is wrong and how to mend it, in one line each."""

from __future__ import annotations


class AdrwatchError(Exception):
    """Something a person can mend. The command line prints `message` and `fix`, without a traceback, and exits with 2."""

    def __init__(self, message: str, *, fix: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.fix = fix

    def __str__(self) -> str:
        return f"{self.message} ({self.fix})" if self.fix else self.message


class DependencyAway(AdrwatchError):
    """A server does not answer (Triton, Redis, a broker). Workers retry it for ever; the command line reports it."""


class BadMessage(AdrwatchError):
    """A record that can never be processed. `reason` is the short word that dead letters and metrics carry."""

    def __init__(self, reason: str, message: str, *, fix: str = "") -> None:
        super().__init__(message, fix=fix)
        self.reason = reason
