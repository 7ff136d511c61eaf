from __future__ import annotations

from typing import Any

from services.ingest.topics import apply, drift, states
from shared.topics import POSTS, TOPICS


class FakeAdmin:
    """Topics in memory, with the calls that are used of KafkaAdminClient."""

    def __init__(self, brokers: int = 1) -> None:
        self.topics: dict[str, dict[str, Any]] = {}
        self.configs: dict[str, dict[str, str]] = {}
        self.calls: list[str] = []
        self._brokers = brokers

    def describe_cluster(self) -> dict[str, Any]:
        return {"brokers": [{"is_fenced": False}] * self._brokers + [{"is_fenced": True}]}

    def describe_topics(self, names: list[str]) -> list[dict[str, Any]]:
        return [self.topics.get(name, {"name": name, "error_code": 3}) for name in names]

    def describe_configs(self, resources: list[Any], config_filter: str) -> dict[str, Any]:
        return {
            "topic": {r.name: {key: {"value": value} for key, value in self.configs[r.name].items()} for r in resources}
        }

    def create_topics(self, topics: dict[str, dict[str, Any]], wait_for_metadata: bool) -> None:
        self.calls.append("create")
        for name, wanted in topics.items():
            replicas = {"replica_nodes": list(range(wanted["replication_factor"]))}
            self.topics[name] = {"name": name, "error_code": 0, "partitions": [replicas] * wanted["num_partitions"]}
            self.configs[name] = dict(wanted["configs"])

    def alter_configs(self, resources: list[Any]) -> None:
        self.calls.append("alter")
        for resource in resources:
            self.configs[resource.name].update(resource.configs)


def test_missing_topics_are_created_as_declared_and_a_second_time_changes_nothing() -> None:
    admin = FakeAdmin()
    before, after = apply(admin, "test")
    assert {state.status for state in before} == {"missing"}
    assert {state.status for state in after} == {"ok"}
    assert [state.partitions for state in after] == [topic.partitions for topic in TOPICS]
    apply(admin, "test")
    assert admin.calls == ["create"]


def test_there_are_three_replicas_where_there_are_brokers_for_them() -> None:
    for brokers, replicas in ((1, 1), (2, 2), (5, 3)):
        _, after = apply(FakeAdmin(brokers), "test")
        assert {state.replicas for state in after} == {replicas}


def test_drifted_settings_are_mended_and_a_number_of_partitions_is_only_reported() -> None:
    admin = FakeAdmin()
    apply(admin, "test")
    admin.configs["test.posts"]["retention.ms"] = "60000"
    admin.topics["test.posts"]["partitions"] = [{"replica_nodes": [1]}]
    [found] = [state for state in states(admin, "test") if state.topic is POSTS]
    assert found.drift == {"retention.ms": ("60000", str(POSTS.retention_ms))}
    _, after = apply(admin, "test")
    [found] = [state for state in after if state.topic is POSTS]
    assert not found.drift
    assert (found.repartitioned, found.partitions, found.status) == (True, 1, "partitions")


def test_the_order_of_a_list_is_no_drift() -> None:
    assert drift({"cleanup.policy": "compact,delete"}, {"cleanup.policy": "delete,compact"}) == {}
    assert drift({"cleanup.policy": "compact,delete"}, {"cleanup.policy": "delete"}) != {}
    assert drift({"cleanup.policy": "delete"}, {}) == {"cleanup.policy": (None, "delete")}
