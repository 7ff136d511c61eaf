"""What refers to something finds it: services, entrances, monitors, scalers."""

from __future__ import annotations

import re
from typing import Any

import pytest

from deploy.local.triton_canary import CALL_TIMEOUT
from shared.topics import MENTIONS, OUTCOMES, POSTS, PREFIX, TOPICS
from tests.unit.kubernetes.rendered import OVERLAYS, containers, environment, matches, named, objects, workloads

SCALED = ("cpu", "gpu", "secured")
# What Triton tells at the port of its metrics; tests/integration/test_images.py asks one.
TRITON_METRICS = {"nv_inference_queue_duration_us", "nv_inference_request_success"}


def ports(overlay: str, labels: dict[str, str]) -> set[str]:
    """The names of the ports of all pods that have these labels."""
    return {
        port["name"]
        for workload in workloads(overlay)
        if labels.items() <= workload.labels.items()
        for container in workload.pod["containers"]
        for port in container.get("ports", [])
    }


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_a_service_has_pods_with_the_ports_that_it_names(overlay: str) -> None:
    for service in objects(overlay, "Service"):
        found = ports(overlay, service["spec"]["selector"])
        assert {port["targetPort"] for port in service["spec"]["ports"]} <= found, service["metadata"]["name"]


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_stateful_set_has_its_service(overlay: str) -> None:
    services = {one["metadata"]["name"]: one["spec"]["selector"] for one in objects(overlay, "Service")}
    for workload in workloads(overlay):
        if workload.thing["kind"] == "StatefulSet":
            selector = services[workload.thing["spec"]["serviceName"]]
            assert selector.items() <= workload.labels.items(), workload.name


@pytest.mark.parametrize("overlay", SCALED)
def test_an_entrance_leads_to_a_port_of_a_service(overlay: str) -> None:
    services = {
        one["metadata"]["name"]: {port["name"] for port in one["spec"]["ports"]} for one in objects(overlay, "Service")
    }
    for one in objects(overlay, "Ingress"):
        (rule,), (tls,) = one["spec"]["rules"], one["spec"]["tls"]
        assert tls["hosts"] == [rule["host"]]
        for path in rule["http"]["paths"]:
            backend = path["backend"]["service"]
            assert backend["port"]["name"] in services[backend["name"]]


@pytest.mark.parametrize("overlay", SCALED)
def test_prometheus_asks_every_worker_at_every_port_of_metrics(overlay: str) -> None:
    asked = {
        (workload.name, endpoint["port"])
        for monitor in objects(overlay, "PodMonitor")
        for endpoint in monitor["spec"]["podMetricsEndpoints"]
        for workload in workloads(overlay)
        if matches(monitor["spec"]["selector"], workload.labels)
        and endpoint["port"] in ports(overlay, {"app.kubernetes.io/name": workload.name})
    }
    there = {
        (workload.name, name)
        for workload in workloads(overlay)
        for name in ports(overlay, {"app.kubernetes.io/name": workload.name})
        if name.startswith("metrics")
    }
    assert asked == there
    assert len(there) == 8


def scalers(overlay: str) -> dict[str, Any]:
    return {one["metadata"]["name"]: one["spec"] for one in objects(overlay, "ScaledObject")}


@pytest.mark.parametrize("overlay", SCALED)
def test_workers_are_as_many_as_their_group_is_behind_and_never_more_than_there_are_partitions(overlay: str) -> None:
    topics = {topic.name(PREFIX): topic for topic in TOPICS}
    read = {"pipeline": {POSTS}, "alerting": {OUTCOMES, MENTIONS}}
    for service, its in read.items():
        scaler = scalers(overlay)[service]
        (trigger,) = scaler["triggers"]
        told = trigger["metadata"]
        assert told["consumerGroup"] == f"{PREFIX}.{service}"
        assert topics[told["topic"]] in its
        # KIP-896: Kafka 4 understands no client of before 2.1, and KEDA's default is 1.0.0.
        assert tuple(map(int, told["version"].split("."))) >= (2, 1)
        assert scaler["maxReplicaCount"] == topics[told["topic"]].partitions
        assert scaler["minReplicaCount"] >= 1, "a worker that is away would be started for each post"
        (container,) = [one for name, _, one in containers(overlay) if name == f"{overlay}: {service}/worker"]
        assert environment(overlay, container)[told["bootstrapServersFromEnv"]]


@pytest.mark.parametrize("overlay", SCALED)
def test_what_is_scaled_is_there_and_its_number_is_nobody_elses_to_say(overlay: str) -> None:
    found = {(one.thing["kind"], one.name): one for one in workloads(overlay)}
    assert set(scalers(overlay)) == {"pipeline", "alerting", "triton"}
    for name, scaler in scalers(overlay).items():
        target = scaler["scaleTargetRef"]
        workload = found[target["kind"], target["name"]]
        assert (workload.name, workload.thing["apiVersion"]) == (name, target["apiVersion"])
        assert "replicas" not in workload.thing["spec"], name
        # What a pod keeps on disk would stay behind when it goes.
        assert "volumeClaimTemplates" not in workload.thing["spec"], name


@pytest.mark.parametrize("overlay", SCALED)
def test_triton_is_scaled_by_what_it_measures(overlay: str) -> None:
    (trigger,) = scalers(overlay)["triton"]["triggers"]
    told = trigger["metadata"]
    assert set(re.findall(r"\bnv_\w+", told["query"])) == TRITON_METRICS
    (namespace,) = objects(overlay, "Namespace")
    assert set(re.findall(r'namespace="(.*?)"', told["query"])) == {namespace["metadata"]["name"]}
    assert trigger["metricType"] == "Value"


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_triton_ends_no_connection_with_a_call_in_it(overlay: str) -> None:
    (container,) = [one for name, _, one in containers(overlay) if name.endswith("triton/triton")]
    options = dict(word.split("=", 1) for word in container["args"] if word.startswith("--grpc"))
    # Both are milliseconds, which its help says of one of them.
    assert int(options["--grpc-max-connection-age-grace"]) > 1000 * CALL_TIMEOUT
    assert int(options["--grpc-max-connection-age"]) > int(options["--grpc-max-connection-age-grace"])


def test_a_kafka_with_users_is_spoken_to_alike_by_workers_and_by_what_scales_them() -> None:
    authentication = named("secured", "TriggerAuthentication", "kafka")
    secrets = {one["metadata"]["name"]: one for one in objects("secured", "Secret")}
    for reference in authentication["spec"]["secretTargetRef"]:
        assert reference["name"] == "kafka-ca" or reference["key"] in secrets[reference["name"]]["data"]
    for service in ("pipeline", "alerting"):
        (trigger,) = scalers("secured")[service]["triggers"]
        assert trigger["authenticationRef"] == {"name": "kafka"}
        (container,) = [one for name, _, one in containers("secured") if name == f"secured: {service}/worker"]
        given = environment("secured", container)
        assert (trigger["metadata"]["tls"], given["ADRWATCH_KAFKA_SECURITY"]) == ("enable", "SASL_SSL")
        assert trigger["metadata"]["sasl"] == given["ADRWATCH_KAFKA_SASL_MECHANISM"].lower().replace("-", "_").replace(
            "sha_", "sha"
        )


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_workers_come_after_everything_else_by_one_label(overlay: str) -> None:
    """The runbook brings up what workers need by the selector !adrwatch/worker."""
    workers = {one.name for one in workloads(overlay) if "adrwatch/worker" in one.labels}
    labelled = {
        one["metadata"]["name"] for one in objects(overlay) if "adrwatch/worker" in one["metadata"].get("labels", {})
    }
    assert labelled == workers == {"pipeline", "alerting", "desk", "sources", "push", "notify"}
