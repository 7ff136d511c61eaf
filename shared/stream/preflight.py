"""Checks before a worker starts: the broker answers and the topics are there.

A consumer of a missing topic would make the broker create it with its own defaults, with other partitions and without compaction.
"""

from __future__ import annotations

from collections.abc import Sequence

from kafka import KafkaAdminClient
from kafka.errors import KafkaError

from shared.errors import AdrwatchError, DependencyAway
from shared.settings import Settings
from shared.topics import Topic


def check_topics(settings: Settings, topics: Sequence[Topic]) -> None:
    """Raise DependencyAway if no broker answers, AdrwatchError if a topic is missing."""
    address = settings.require("kafka_bootstrap")
    try:
        admin = KafkaAdminClient(bootstrap_servers=address.split(","))
        present = set(admin.list_topics())
        admin.close()
    except (KafkaError, OSError, ValueError) as error:
        raise DependencyAway(
            f"no Kafka broker answers at {address}: {type(error).__name__}",
            fix="start one with `adrwatch up`, or mend ADRWATCH_KAFKA_BOOTSTRAP",
        ) from error
    missing = [name for topic in topics if (name := topic.name(settings.topic_prefix)) not in present]
    if missing:
        raise AdrwatchError(f"topics are missing: {', '.join(missing)}", fix="create them with `adrwatch topics apply`")
