"""What every pod must be, by whatever overlay: without rights, within limits, asked for its health, and not all gone at once."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.unit.docker.compose import broker_properties, services, stages
from tests.unit.kubernetes.rendered import (
    MANIFESTS,
    OVERLAYS,
    ROOT,
    containers,
    environment,
    matches,
    named,
    objects,
    workloads,
)

# Their images write into their own folders when they start.
WRITABLE = {"kafka", "triton"}
# Nobody sends it anything and it does nothing by itself: it is there for commands by hand.
IDLE = {"tools"}
UNIT = {"": 1, "m": 1e-3, "Mi": 2**20, "Gi": 2**30}


def quantity(text: str) -> float:
    number, unit = re.fullmatch(r"([\d.]+)(\w*)", text).groups()  # type: ignore[union-attr]
    return float(number) * UNIT[unit]


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_a_pod_runs_as_a_user_without_rights_and_cannot_speak_to_the_cluster(overlay: str) -> None:
    accounts = {one["metadata"]["name"] for one in objects(overlay, "ServiceAccount")}
    for workload in workloads(overlay):
        pod, security = workload.pod, workload.pod["securityContext"]
        assert security["runAsNonRoot"] is True, workload.name
        assert security["runAsUser"] > 0, workload.name
        assert security["seccompProfile"] == {"type": "RuntimeDefault"}, workload.name
        assert pod["automountServiceAccountToken"] is False, workload.name
        assert pod["enableServiceLinks"] is False, workload.name
        assert pod["serviceAccountName"] in accounts, workload.name
        assert not {"hostNetwork", "hostPID", "hostIPC"} & pod.keys(), workload.name
    assert all(one["automountServiceAccountToken"] is False for one in objects(overlay, "ServiceAccount"))


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_a_container_has_no_more_rights_than_it_needs_and_a_limit(overlay: str) -> None:
    for name, workload, container in containers(overlay):
        security, resources = container["securityContext"], container["resources"]
        assert security["allowPrivilegeEscalation"] is False, name
        assert security["capabilities"] == {"drop": ["ALL"]}, name
        assert "privileged" not in security, name
        assert security["readOnlyRootFilesystem"] or workload.name in WRITABLE, name
        assert {"cpu", "memory"} <= set(resources["requests"]), name
        assert quantity(resources["requests"]["memory"]) <= quantity(resources["limits"]["memory"]), name


def test_a_file_system_is_writable_only_where_its_image_wants_it() -> None:
    found = {
        (overlay, workload.name)
        for overlay in OVERLAYS
        for _, workload, container in containers(overlay)
        if not container["securityContext"]["readOnlyRootFilesystem"]
    }
    assert found == {("small", "kafka"), ("gpu", "triton")}


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_our_images_run_as_the_user_that_they_are_made_for(overlay: str) -> None:
    (user,) = {
        command.value[0] for stage in ("services", "triton") for command in stages()[stage] if command.cmd == "USER"
    }
    for name, workload, container in containers(overlay):
        if container["image"].startswith("adrwatch") and workload.name != "triton":
            security = workload.pod["securityContext"]
            assert f"{security['runAsUser']}:{security['runAsGroup']}" == user, name


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_images_are_those_of_the_compose_file(overlay: str) -> None:
    composed = {spec["image"] for spec in services().values()}
    assert {container["image"] for _, _, container in containers(overlay)} <= composed


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_whoever_runs_for_long_is_asked_whether_it_does(overlay: str) -> None:
    for workload in workloads(overlay):
        if workload.thing["kind"] == "Job" or workload.name in IDLE:
            continue
        for container in workload.pod["containers"]:
            ports = {port["name"] for port in container["ports"]}
            assert {"startupProbe", "livenessProbe"} <= container.keys(), workload.name
            for kind in ("startupProbe", "livenessProbe", "readinessProbe"):
                asked = container.get(kind, {})
                for way in ("httpGet", "tcpSocket"):
                    assert way not in asked or asked[way]["port"] in ports, f"{workload.name}: {kind}"
        assert any("readinessProbe" in container for container in workload.pod["containers"]), workload.name


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_a_worker_is_asked_at_the_port_of_its_metrics(overlay: str) -> None:
    asked = 0
    for name, workload, container in containers(overlay):
        if container.get("args", [""])[0] != "worker":
            continue
        ports = {port["name"]: str(port["containerPort"]) for port in container["ports"]}
        mine = environment(overlay, container)["ADRWATCH_METRICS_PORT"]
        for probe, path in (("startupProbe", "live"), ("livenessProbe", "live"), ("readinessProbe", "ready")):
            if probe in container:
                get = container[probe]["httpGet"]
                assert (get["path"], ports[get["port"]]) == (f"/health/{path}", mine), f"{name}: {probe}"
                asked += 1
        others = [one for one in workload.pod["containers"] if one is not container]
        assert all(mine != str(port["containerPort"]) for one in others for port in one["ports"]), name
    assert asked > 15


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_a_worker_has_time_to_finish_its_batch(overlay: str) -> None:
    for name, workload, container in containers(overlay):
        if container.get("args", [""])[0] == "worker":
            grace = float(environment(overlay, container)["ADRWATCH_STOP_GRACE"])
            assert workload.pod["terminationGracePeriodSeconds"] > grace, name


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_a_worker_has_the_name_of_its_pod_which_it_keeps(overlay: str) -> None:
    for name, workload, container in containers(overlay):
        if container.get("args", [""])[0] == "worker":
            assert workload.thing["kind"] == "StatefulSet", name
            assert workload.thing["spec"]["serviceName"] == "workers", name
            (identity,) = [one for one in container["env"] if one["name"] == "ADRWATCH_WORKER_ID"]
            assert identity["valueFrom"]["fieldRef"]["fieldPath"] == "metadata.name", name


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_not_all_pods_of_a_part_are_sent_away_at_once_and_none_holds_up_a_node(overlay: str) -> None:
    budgets = objects(overlay, "PodDisruptionBudget")
    for workload in workloads(overlay):
        mine = [one["spec"] for one in budgets if matches(one["spec"]["selector"], workload.labels)]
        if workload.thing["kind"] == "Job" or workload.name in IDLE:
            assert mine == [], workload.name
        else:
            (budget,) = mine
            assert budget["maxUnavailable"] == 1, workload.name
            assert budget["unhealthyPodEvictionPolicy"] == "AlwaysAllow", workload.name


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_pods_of_a_part_lie_on_different_nodes_where_they_can(overlay: str) -> None:
    scaled = {one["spec"]["scaleTargetRef"]["name"] for one in objects(overlay, "ScaledObject")}
    for workload in workloads(overlay):
        if workload.name in scaled or workload.thing["spec"].get("replicas", 1) > 1:
            spread = workload.pod["topologySpreadConstraints"]
            assert spread[0]["topologyKey"] == "kubernetes.io/hostname", workload.name
            assert all(matches(one["labelSelector"], workload.labels) for one in spread), workload.name


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_what_a_container_mounts_is_there_and_what_is_kept_is_kept_by_one(overlay: str) -> None:
    for name, workload, container in containers(overlay):
        claims = {one["metadata"]["name"] for one in workload.thing["spec"].get("volumeClaimTemplates", [])}
        volumes = {one["name"] for one in workload.pod.get("volumes", [])} | claims
        assert {mount["name"] for mount in container.get("volumeMounts", [])} <= volumes, name
        assert not claims or workload.thing["spec"]["replicas"] <= 1, name


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_selectors_find_the_pods_that_they_are_meant_for_and_no_others(overlay: str) -> None:
    found = workloads(overlay)
    for workload in found:
        selector = workload.thing["spec"].get("selector")
        if selector is not None:
            assert [other.name for other in found if matches(selector, other.labels)] == [workload.name]
    for kind in ("NetworkPolicy", "PodMonitor", "PodDisruptionBudget"):
        for one in objects(overlay, kind):
            selector = one["spec"]["podSelector" if kind == "NetworkPolicy" else "selector"]
            assert any(matches(selector, other.labels) for other in found), one["metadata"]["name"]


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_everything_lies_in_the_namespace_that_refuses_more_rights(overlay: str) -> None:
    (namespace,) = objects(overlay, "Namespace")
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    others = [one for one in objects(overlay) if one["kind"] != "Namespace"]
    assert {one["metadata"].get("namespace") for one in others} == {namespace["metadata"]["name"]}


def test_the_trial_asks_for_what_the_runbook_says() -> None:
    asked = {"cpu": 0.0, "memory": 0.0, "storage": 0.0}
    for workload in workloads("small"):
        spec = workload.thing["spec"]
        count = 0 if workload.thing["kind"] == "Job" else spec.get("replicas", 1)
        for kind in ("cpu", "memory"):
            together = sum(quantity(one["resources"]["requests"][kind]) for one in workload.pod["containers"])
            # Those that end before the others begin.
            before = [quantity(one["resources"]["requests"][kind]) for one in workload.pod.get("initContainers", [])]
            asked[kind] += count * max([together, *before])
        for claim in spec.get("volumeClaimTemplates", []):
            asked["storage"] += count * quantity(claim["spec"]["resources"]["requests"]["storage"])
    page = (ROOT / "docs" / "runbooks" / "kubernetes.md").read_text()
    told = re.search(r"Asks for ([\d.]+) cores and ([\d.]+) GiB, and (\d+) GiB of volumes", page)
    assert told is not None
    assert told.groups() == (
        f"{asked['cpu']:.2g}",
        f"{asked['memory'] / 2**30:.1f}",
        f"{asked['storage'] / 2**30:.0f}",
    )


def test_the_broker_of_the_trial_is_set_as_that_of_the_compose_file() -> None:
    composed = broker_properties(services()["kafka"]["environment"])
    (container,) = [one for name, _, one in containers("small") if name.endswith("/kafka")]
    mine = broker_properties(environment("small", container))
    assert mine.keys() == composed.keys()
    different = {name for name, value in composed.items() if mine[name] != value}
    assert different == {"listeners", "advertised.listeners", "listener.security.protocol.map", "log.dirs"}
    mounted = [Path(mount["mountPath"]) for mount in container["volumeMounts"]]
    assert [Path(mine["log.dirs"]).parent] == mounted, "the folder of a volume itself has others beside the topics"


def test_redis_of_the_trial_is_started_as_that_of_the_compose_file() -> None:
    (container,) = named("small", "StatefulSet", "redis")["spec"]["template"]["spec"]["containers"]
    assert container["args"] == services()["redis"]["command"]


def test_no_file_of_the_manifests_holds_a_secret_and_git_leaves_those_out() -> None:
    assert "*.env" in (MANIFESTS / ".gitignore").read_text().splitlines()
    for file in MANIFESTS.rglob("*"):
        if file.is_file() and file.suffix != ".env":
            text = file.read_text()
            assert "kind: Secret\n" not in text.replace("- kind: Secret\n", ""), file
            for name, value in re.findall(r"^(\w*(?:SECRET|PASSWORD|TOKEN|KEY)\w*)=(.*)$", text, re.MULTILINE):
                assert value == "replace-me", f"{file}: {name}"
