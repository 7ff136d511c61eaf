"""Network policies: nobody is reached but for what is named, and each part reaches what its settings name."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import urlsplit

import pytest

from shared.settings import Settings
from tests.unit.kubernetes.rendered import (
    OVERLAYS,
    Thing,
    Workload,
    containers,
    environment,
    matches,
    objects,
    workloads,
)

NAMESPACE = "adrwatch"
# What each command asks of others, by the setting that says where it is.
NEEDS = {
    "worker pipeline": {"kafka_bootstrap", "triton_url"},
    "worker alerting": {"kafka_bootstrap", "redis_url"},
    "worker cases": {"kafka_bootstrap", "database_url"},
    "worker dashboard": {"kafka_bootstrap", "redis_url", "triton_url", "database_url"},
    "worker sources": {"kafka_bootstrap"},
    "worker push": {"kafka_bootstrap"},
    "worker notify": {"kafka_bootstrap"},
    "topics apply": {"kafka_bootstrap"},
    "cases upgrade": {"database_url"},
    # By hand: whatever is not about cases.
    "infinity": {"kafka_bootstrap", "redis_url", "triton_url"},
}
ADDRESSES = {name for needed in NEEDS.values() for name in needed}
# Labels of namespaces that those who run them set: docs/runbooks/kubernetes.md.
ENTRANCE, MONITORING = {"adrwatch/entrance": "true"}, {"adrwatch/monitoring": "true"}


def command(container: Thing) -> str:
    return " ".join(container.get("args", container.get("command", [])[-1:]))


def places(value: str) -> list[tuple[str, int]]:
    """Hosts and ports of an address of the settings, one or several."""
    if "://" in value:
        found = urlsplit(value)
        return [(str(found.hostname), int(found.port or 0))]
    return [(host, int(port)) for host, port in (one.rsplit(":", 1) for one in value.split(","))]


def peer_takes(peer: Thing, namespace: Thing, labels: dict[str, str] | None, address: str | None = None) -> bool:
    """Whether a peer of a policy is this: a pod with labels in a namespace with labels (None: any pod), or an address outside."""
    if "ipBlock" in peer:
        if address is None:
            return False
        one, block = ipaddress.ip_address(address), peer["ipBlock"]
        inside = [one in ipaddress.ip_network(cidr) for cidr in (block["cidr"], *block.get("except", []))]
        return inside[0] and not any(inside[1:])
    if address is not None:
        return False
    here = {"kubernetes.io/metadata.name": NAMESPACE}
    if "namespaceSelector" in peer:
        if not matches(peer["namespaceSelector"], namespace):
            return False
    elif namespace != here:
        return False
    return "podSelector" not in peer or (labels is not None and matches(peer["podSelector"], labels))


def allowed(
    overlay: str, labels: dict[str, str], way: str, namespace: Thing, other: dict[str, str] | None, port: int,
    address: str | None = None,
) -> bool:  # fmt: skip
    """Whether a pod may speak (`way` egress) to the other, or be spoken to (ingress) by it, at a port."""
    side = {"egress": "to", "ingress": "from"}[way]
    return any(
        peer_takes(peer, namespace, other, address) and port in [one["port"] for one in rule["ports"]]
        for policy in objects(overlay, "NetworkPolicy")
        if matches(policy["spec"]["podSelector"], labels)
        for rule in policy["spec"].get(way, [])
        for peer in rule[side]
    )


def served_by(overlay: str, host: str, port: int) -> tuple[Workload, int]:
    """The part behind a service of the namespace, and the port of its container."""
    (service,) = [one for one in objects(overlay, "Service") if one["metadata"]["name"] == host]
    (target,) = [one["targetPort"] for one in service["spec"]["ports"] if one["port"] == port]
    (workload,) = [one for one in workloads(overlay) if service["spec"]["selector"].items() <= one.labels.items()]
    ports = [one for container in workload.pod["containers"] for one in container.get("ports", [])]
    return workload, next(one["containerPort"] for one in ports if one["name"] == target)


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_whatever_is_not_named_is_denied(overlay: str) -> None:
    (everything,) = [one["spec"] for one in objects(overlay, "NetworkPolicy") if one["metadata"]["name"] == "nothing"]
    assert everything == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    for one in objects(overlay, "NetworkPolicy"):
        for way, side in (("egress", "to"), ("ingress", "from")):
            for rule in one["spec"].get(way, []):
                # A rule without either means everybody, or every port.
                assert rule[side], one["metadata"]["name"]
                assert rule["ports"], one["metadata"]["name"]
                assert all(peer for peer in rule[side]), one["metadata"]["name"]
                assert way.title() in one["spec"]["policyTypes"], one["metadata"]["name"]


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_each_part_reaches_what_its_settings_name_and_nothing_else_of_them(overlay: str) -> None:
    for name, workload, container in containers(overlay):
        if not container["image"].startswith("adrwatch:") or command(container) not in NEEDS:
            assert container["name"] in {"triton", "models", "kafka", "redis"}, name
            continue
        given = environment(overlay, container)
        whole = {one for other in workload.pod["containers"] for one in NEEDS[command(other)]}
        everything = {
            key: value for _, _, one in containers(overlay) for key, value in environment(overlay, one).items()
        }
        for setting in ADDRESSES:
            value = everything.get(f"ADRWATCH_{setting.upper()}")
            for host, port in places(value) if value else ():
                needed = setting in whole
                assert setting not in NEEDS[command(container)] or given[f"ADRWATCH_{setting.upper()}"] == value, name
                assert reached(overlay, workload, host, port) == needed, f"{name}: {setting} at {host}:{port}"


def reached(overlay: str, workload: Workload, host: str, port: int) -> bool:
    here = {"kubernetes.io/metadata.name": NAMESPACE}
    if "." not in host:
        other, inner = served_by(overlay, host, port)
        there = allowed(overlay, workload.labels, "egress", here, other.labels, inner)
        assert there <= allowed(overlay, other.labels, "ingress", here, workload.labels, inner), (
            f"{host} lets nobody in"
        )
        return there
    _, namespace, kind = host.split(".")
    assert kind == "svc"
    return allowed(overlay, workload.labels, "egress", {"kubernetes.io/metadata.name": namespace}, None, port)


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_everybody_may_ask_for_names(overlay: str) -> None:
    system = {"kubernetes.io/metadata.name": "kube-system"}
    for workload in workloads(overlay):
        assert allowed(overlay, workload.labels, "egress", system, {"k8s-app": "kube-dns"}, 53), workload.name


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_only_networks_channels_and_the_provider_are_asked_outside_and_nobody_in_private_ranges(overlay: str) -> None:
    outside = {
        workload.name
        for workload in workloads(overlay)
        if allowed(overlay, workload.labels, "egress", {}, None, 443, "203.0.113.7")
        and allowed(overlay, workload.labels, "egress", {}, None, 443, "2001:db8::7")
    }
    assert outside == {"desk", "notify", "sources"}
    for workload in workloads(overlay):
        for inside in ("10.1.2.3", "169.254.169.254", "172.20.0.1", "192.168.1.1", "fd00::1"):
            assert not allowed(overlay, workload.labels, "egress", {}, None, 443, inside), workload.name


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_people_senders_and_prometheus_are_let_in_by_the_labels_of_their_namespaces(overlay: str) -> None:
    for name, workload, container in containers(overlay):
        for port in container.get("ports", []):
            number = port["containerPort"]
            entered = allowed(overlay, workload.labels, "ingress", ENTRANCE, {}, number)
            watched = allowed(overlay, workload.labels, "ingress", MONITORING, {}, number)
            assert entered == (port["name"] in {"http", "push"} and workload.name != "triton"), (
                f"{name}: {port['name']}"
            )
            assert watched == port["name"].startswith("metrics"), f"{name}: {port['name']}"
            assert not allowed(overlay, workload.labels, "ingress", {"some": "other"}, {}, number), name


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_a_policy_that_names_no_pod_of_the_overlay_would_be_seen(overlay: str) -> None:
    assert not allowed(
        overlay, {"app.kubernetes.io/name": "stranger"}, "egress", {"kubernetes.io/metadata.name": "kafka"}, None, 9092
    )
    labelled = {label for one in workloads(overlay) for label in one.labels if re.match("adrwatch/", label)}
    selected = {
        label
        for policy in objects(overlay, "NetworkPolicy")
        for label in policy["spec"]["podSelector"].get("matchLabels", {})
        if label.startswith("adrwatch/")
    }
    assert labelled == selected


def test_the_settings_that_name_servers_are_all_looked_at() -> None:
    named = {name for name in Settings.model_fields if re.search("_(url|bootstrap)$", name)}
    assert named - ADDRESSES == {"dashboard_url"}
