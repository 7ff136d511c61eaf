"""Trying again for as long as it takes, and saying why."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

import tenacity
from msgspec.structs import replace

from services.notify.ledger import Ledger
from shared import metrics
from shared.errors import AdrwatchError, DependencyAway
from shared.events import now
from shared.health import HEALTH, THREAD_SECONDS
from shared.logs import logger
from shared.settings import Settings

log = logger("notify")
T = TypeVar("T")
STAGE = "notify"


class Patience:
    """Calls of one channel, repeated with back-off and jitter until they work or `stop` is set."""

    def __init__(self, channel: str, settings: Settings, ledger: Ledger, stop: threading.Event) -> None:
        self.stage = f"{STAGE}-{channel}"
        self._channel = channel
        self._ledger = ledger
        self._usual = tenacity.wait_random_exponential(multiplier=settings.retry_first, max=settings.retry_most)
        self._stop = stop

    def __call__(self, call: Callable[[], T]) -> T:
        """Call until it works. Raises DependencyAway only when told to stop."""
        again = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(DependencyAway),
            wait=self._wait,
            sleep=tenacity.sleep_using_event(self._stop),
            stop=tenacity.stop_when_event_set(self._stop),
            before_sleep=self._note_retry,
            reraise=True,
        )
        result = again(call)
        metrics.DEPENDENCY_UP.labels(self.stage).set(1)
        return result

    def note(self, message: str) -> None:
        """Say in the ledger why the channel waits, for `adrwatch notify status`. Not worth waiting for a broker."""
        state = self._ledger.state(self._channel)
        if state is not None and state.error != message:
            with suppress(DependencyAway):
                self._ledger.write(replace(state, error=message, since=state.since or now()))

    def _wait(self, state: tenacity.RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        return max(self._usual(state), getattr(error, "retry_after", 0.0))

    def _note_retry(self, state: tenacity.RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        message = error.message if isinstance(error, AdrwatchError) else str(error)
        # A receiver may ask for hours.
        HEALTH.turning(THREAD_SECONDS + (state.next_action.sleep if state.next_action else 0.0))
        metrics.RETRIES.labels(self.stage).inc()
        metrics.DEPENDENCY_UP.labels(self.stage).set(0)
        log.warning(
            "a channel is away, trying again", channel=self._channel, attempt=state.attempt_number, error=message
        )
        self.note(message)
