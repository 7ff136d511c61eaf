"""Consumer groups of services, as the broker knows them: whether their workers are there, and whether all is read."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import tenacity
from kafka import KafkaConsumer, TopicPartition

from shared.broker import SESSION_SECONDS, admin, committed, connect, patiently, reading
from shared.errors import AdrwatchError
from shared.settings import Settings
from shared.topics import Topic

Say = Callable[[str], None]
_WAIT_SECONDS = 1.0


def group_of(settings: Settings, service: str) -> str:
    """The consumer group of a service's workers."""
    return f"{settings.topic_prefix}.{service}"


def members(settings: Settings, service: str) -> int:
    """How many workers the group of a service has."""
    group = group_of(settings, service)
    with admin(settings) as client:
        found = patiently(lambda: client.describe_groups([group]))
    return len(found[group]["members"])


def require_stopped(settings: Settings, service: str, say: Say) -> None:
    """Raise AdrwatchError while workers of a service run: they would write between the steps.

    The broker holds the place of a worker that was stopped for its session's time, so this waits a little longer than that.
    """

    def tell(state: tenacity.RetryCallState) -> None:
        if state.attempt_number == 1:
            say(f"waiting for the workers of {service} to be gone")

    waits = tenacity.Retrying(
        retry=tenacity.retry_if_result(bool),
        wait=tenacity.wait_fixed(_WAIT_SECONDS),
        stop=tenacity.stop_after_delay(SESSION_SECONDS + 5),
        before_sleep=tell,
        retry_error_callback=lambda state: state.outcome.result() if state.outcome else 0,
    )
    if running := waits(members, settings, service):
        raise AdrwatchError(f"{running} workers of {service} are running", fix="stop them, then start them again")


def unread(settings: Settings, service: str, topics: Sequence[Topic]) -> int:
    """How many records of some topics the group of a service has not handled; what retention has taken away is not counted.

    Partitions are those that the broker has, whatever this process counts on.
    """
    behind = 0
    consumer = connect(settings, KafkaConsumer, group_id=None, enable_auto_commit=False)
    try:
        for topic in topics:
            name = topic.name(settings.topic_prefix)
            done = committed(settings, group_of(settings, service), topic)
            with reading(name):
                places = [TopicPartition(name, number) for number in consumer.partitions_for_topic(name) or ()]
                begins, ends = consumer.beginning_offsets(places), consumer.end_offsets(places)
            behind += sum(max(0, ends[at] - max(done.get(at.partition, 0), begins[at])) for at in places)
    finally:
        consumer.close()
    return behind
