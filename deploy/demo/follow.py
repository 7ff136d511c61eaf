"""Follows the sample through the running product by its topics and by alerting's notes, and knows when all is done."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import Any, Self

import redis

from deploy.reconcile.account import Account, account
from deploy.reconcile.rows import Row
from deploy.reconcile.topics import Results
from shared.errors import AdrwatchError, DependencyAway
from shared.events import Alert
from shared.redis_keys import Keys
from shared.redis_security import client_options
from shared.settings import Settings
from shared.signals.rule_parts import TimeRules
from shared.signals.rules import load_rules
from shared.signals.windows import from_ms, to_ms

STANDSTILL = 90.0  # seconds; longer than a worker that was killed needs to come back


@dataclass(frozen=True)
class State:
    """How far the sample has come. `watermark` and `evaluated` are event times, `lag` counts records that wait."""

    published: int
    account: Account
    alerts: tuple[Alert, ...]
    watermark: datetime | None
    evaluated: datetime | None
    closed: datetime | None
    lag: int

    @property
    def done(self) -> bool:
        """Every post has its outcome, nobody lags, and the signals of all closed buckets are published."""
        evaluated = self.closed is None or (self.evaluated is not None and self.evaluated >= self.closed)
        return not self.account.lost and not self.lag and evaluated


def closed_until(watermark: datetime, rules: TimeRules) -> datetime:
    """The end of the last bucket that the watermark has closed."""
    return from_ms(rules.closed_until(to_ms(watermark)))


class Follower:
    """Looks at an instance again and again. `rows` are the records of the files that are replayed."""

    def __init__(self, settings: Settings, rows: Sequence[Row]) -> None:
        self._rows = rows
        self._rules = load_rules(settings.rules_file).time
        self._evaluated_until = Keys(settings.redis_prefix).evaluated_until
        self._redis: Any = redis.Redis.from_url(settings.require("redis_url"), **client_options(settings))
        self._results = Results(settings)
        self._moved = time.monotonic()
        self._last: State | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._results.__exit__(kind, error, trace)
        self._redis.close()

    def look(self) -> State:
        """The state of this moment. Raises DependencyAway while a server does not answer."""
        # First the lag, then what was read: a record that is committed in between is read, not missed.
        lag, evaluated = self._results.lag(), self._evaluated()
        self._results.read()
        seen = self._results.seen
        watermark = seen.watermark
        state = State(
            published=self._results.published(),
            account=account(self._rows, seen),
            alerts=tuple(sorted(seen.alerts.values(), key=lambda alert: (alert.evaluated_at, alert.id))),
            watermark=watermark,
            evaluated=evaluated,
            closed=closed_until(watermark, self._rules) if watermark else None,
            lag=lag,
        )
        if state != self._last:
            self._moved, self._last = time.monotonic(), state
        return state

    def check_moving(self) -> None:
        """Raises AdrwatchError if nothing has changed for a long time."""
        if time.monotonic() - self._moved > STANDSTILL:
            raise AdrwatchError(
                f"nothing has moved for {STANDSTILL:.0f} s", fix="see the logs of the workers in the data folder"
            )

    def _evaluated(self) -> datetime | None:
        try:
            until = self._redis.hvals(self._evaluated_until)
        except redis.RedisError as error:
            raise DependencyAway(f"Redis does not answer: {type(error).__name__}") from error
        return from_ms(min(map(int, until))) if until else None
