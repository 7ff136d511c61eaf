"""How often something may be tried: sign-ins, and requests of the API. Counted in each process by itself."""

from __future__ import annotations

import math
import time

import limits
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from shared.errors import AdrwatchError
from shared.metrics import SIGN_INS

_NAME, _ADDRESS = limits.parse("10 per 10 minutes"), limits.parse("30 per 10 minutes")
_API = limits.parse("600 per minute")


class TooManyError(AdrwatchError):
    """Something was tried too often. `wait`: seconds until it may be tried again."""

    def __init__(self, what: str, wait: int) -> None:
        super().__init__(what, fix=f"wait {wait} seconds")
        self.wait = wait


class Rates:
    """The counts of one application."""

    def __init__(self) -> None:
        self._limiter = MovingWindowRateLimiter(MemoryStorage())

    def sign_in(self, name: str, address: str) -> None:
        """Count a sign-in. Raises TooManyError: more than 10 of a name, or 30 of an address, in ten minutes."""
        try:
            self._count(_ADDRESS, "too many sign-ins from this address", "address", address)
            self._count(_NAME, "too many sign-ins of this name", "name", name.casefold())
        except TooManyError:
            SIGN_INS.labels("too many").inc()
            raise

    def signed_in(self, name: str) -> None:
        """Forget the sign-ins of a name that were refused before it got in."""
        self._limiter.clear(_NAME, "name", name.casefold())

    def request(self, who: str) -> None:
        """Count a request of the API. Raises TooManyError: more than 600 of a person or address in a minute."""
        self._count(_API, "too many requests", "api", who)

    def _count(self, most: limits.RateLimitItem, what: str, kind: str, who: str) -> None:
        if not self._limiter.hit(most, kind, who):
            again = self._limiter.get_window_stats(most, kind, who).reset_time
            raise TooManyError(what, max(1, math.ceil(again - time.time())))
