"""Topics as they are declared and as the broker has them: what is missing, what drifted, and how to bring them together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from kafka.admin import ConfigResource, ConfigResourceType

from shared.broker import describe
from shared.topics import TOPICS, Topic

_MOST_REPLICAS = 3


@dataclass(frozen=True)
class TopicState:
    """A declared topic beside the broker's. `partitions` and `replicas` are the broker's, None if the topic is missing.

    `drift` is setting to (the broker's value, the declared one).
    """

    topic: Topic
    name: str
    partitions: int | None
    replicas: int | None
    drift: dict[str, tuple[str | None, str]]

    @property
    def missing(self) -> bool:
        """Whether the broker has no such topic."""
        return self.partitions is None

    @property
    def repartitioned(self) -> bool:
        """Whether the number of partitions is another one; it is never changed here, for keys would move."""
        return self.partitions not in (None, self.topic.partitions)

    @property
    def status(self) -> str:
        """One word for a table: `ok`, `missing`, `partitions` or `settings`."""
        if self.missing:
            return "missing"
        if self.repartitioned:
            return "partitions"
        return "settings" if self.drift else "ok"

    def as_dict(self) -> dict[str, Any]:
        """The state for machines."""
        return {
            "name": self.name,
            "status": self.status,
            "partitions": self.partitions,
            "declared_partitions": self.topic.partitions,
            "replicas": self.replicas,
            "drift": {key: {"broker": have, "declared": want} for key, (have, want) in self.drift.items()},
            "summary": self.topic.summary,
        }


def states(admin: Any, prefix: str) -> list[TopicState]:
    """Every declared topic as the broker has it. `admin` is a KafkaAdminClient."""
    names = [topic.name(prefix) for topic in TOPICS]
    found = describe(admin, names)
    configs = _configs(admin, [name for name in names if name in found])
    result = []
    for topic in TOPICS:
        name = topic.name(prefix)
        partitions = found[name]["partitions"] if name in found else None
        result.append(
            TopicState(
                topic,
                name,
                None if partitions is None else len(partitions),
                None if partitions is None else min(len(partition["replica_nodes"]) for partition in partitions),
                drift(topic.config(), configs[name]) if name in configs else {},
            )
        )
    return result


def drift(declared: dict[str, str], broker: dict[str, str | None]) -> dict[str, tuple[str | None, str]]:
    """Setting to (the broker's value, the declared one) where they differ; the order in a list does not matter."""

    def parts(value: str | None) -> set[str]:
        return set((value or "").replace(" ", "").split(","))

    return {key: (broker.get(key), want) for key, want in declared.items() if parts(broker.get(key)) != parts(want)}


def apply(admin: Any, prefix: str) -> tuple[list[TopicState], list[TopicState]]:
    """Create missing topics and set drifted settings; partitions stay. Returns the states before and after."""
    before = states(admin, prefix)
    if missing := [state for state in before if state.missing]:
        replicas = min(_MOST_REPLICAS, _brokers(admin))
        admin.create_topics(
            {
                state.name: {
                    "num_partitions": state.topic.partitions,
                    "replication_factor": replicas,
                    "configs": state.topic.config(),
                }
                for state in missing
            },
            wait_for_metadata=True,
        )
    if drifted := [state for state in before if state.drift]:
        admin.alter_configs([
            _resource(state.name, {key: want for key, (_, want) in state.drift.items()}) for state in drifted
        ])  # fmt: skip
    return before, states(admin, prefix)


def _brokers(admin: Any) -> int:
    # A fenced broker is known to the controller and holds nothing: it is down or not yet up.
    return sum(not broker.get("is_fenced", False) for broker in admin.describe_cluster()["brokers"])


def _resource(name: str, configs: dict[str, str] | None) -> Any:
    return ConfigResource(ConfigResourceType.TOPIC, name, configs)


def _configs(admin: Any, names: list[str]) -> dict[str, dict[str, str | None]]:
    if not names:
        return {}
    found = admin.describe_configs([_resource(name, None) for name in names], config_filter="all")["topic"]
    return {name: {key: entry["value"] for key, entry in settings.items()} for name, settings in found.items()}
