"""The consumer group of alerting, as the broker knows it: how far it has read, and whether its workers are there."""

from __future__ import annotations

from collections.abc import Callable

import tenacity

from shared import broker
from shared.broker import SESSION_SECONDS, admin
from shared.errors import AdrwatchError
from shared.settings import Settings
from shared.topics import Topic

Say = Callable[[str], None]
_WAIT_SECONDS = 1.0


def committed(settings: Settings, topic: Topic) -> dict[int, int]:
    """How far the group of alerting has read each partition of a topic; none where it never did."""
    return broker.committed(settings, _group(settings), topic)


def members(settings: Settings) -> int:
    """How many workers the group of alerting has."""
    group = _group(settings)
    with admin(settings) as client:
        found = client.describe_groups([group])
    return len(found[group]["members"])


def require_stopped(settings: Settings, say: Say) -> None:
    """Raise AdrwatchError while workers of alerting run: they would write between the steps.

    The broker holds the place of a worker that was stopped for its session's time, so this waits a little longer than that.
    """

    def tell(state: tenacity.RetryCallState) -> None:
        if state.attempt_number == 1:
            say("waiting for the workers of alerting to be gone")

    waits = tenacity.Retrying(
        retry=tenacity.retry_if_result(bool),
        wait=tenacity.wait_fixed(_WAIT_SECONDS),
        stop=tenacity.stop_after_delay(SESSION_SECONDS + 5),
        before_sleep=tell,
        retry_error_callback=lambda state: state.outcome.result() if state.outcome else 0,
    )
    if running := waits(members, settings):
        raise AdrwatchError(f"{running} workers of alerting are running", fix="stop them, then start them again")


def _group(settings: Settings) -> str:
    return f"{settings.topic_prefix}.alerting"
