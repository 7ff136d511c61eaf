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


class AccessRefused(DependencyAway):
    """A server answers and lets us not in, or not so far: a password, a certificate or a right is wrong.

    Waiting does not mend it, so whoever starts ends with it. Who runs already waits as for a server that is away, and says it
    as an error: nothing is lost meanwhile, and work goes on when the right is given.
    """


class BadMessage(AdrwatchError):
    """A record that can never be processed. `reason` is the short word that dead letters and metrics carry."""

    def __init__(self, reason: str, message: str, *, fix: str = "") -> None:
        super().__init__(message, fix=fix)
        self.reason = reason


def passes(error: BaseException) -> bool:
    """Whether waiting may mend it: a dependency is away, and has not refused us. Who starts waits for such errors alone."""
    return isinstance(error, DependencyAway) and not isinstance(error, AccessRefused)


def said(error: BaseException) -> str:
    """What a log says of an error that ends there: the words of ours, and of others the kind, for theirs may hold anything."""
    return str(error) if isinstance(error, AdrwatchError) else type(error).__name__
