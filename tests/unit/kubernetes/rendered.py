"""Overlays of deploy/kubernetes as Kustomize renders them, with the secrets of their examples."""

from __future__ import annotations

import base64
import functools
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from tests.unit.kubernetes.kubectl import kubectl

ROOT = Path(__file__).parents[3]
MANIFESTS = ROOT / "deploy" / "kubernetes"
# One that is no overlay of its own: what a Kafka with users asks for, over the servers of others.
SECURED = "secured"
OVERLAYS = ("small", "cpu", "gpu", SECURED)
_SECURED = """\
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
namespace: adrwatch
resources: [../cpu]
components: [../../components/kafka-tls]
configMapGenerator:
  - name: adrwatch
    namespace: adrwatch
    behavior: merge
    literals: ["ADRWATCH_KAFKA_BOOTSTRAP=kafka-bootstrap.kafka.svc:9093"]
"""
# Beside what the examples have.
USER = "ADRWATCH_KAFKA_USERNAME=adrwatch\nADRWATCH_KAFKA_PASSWORD=only-of-this-test\n"

# The same as yaml.safe_load_all, in C where PyYAML was built with it: a tenth of the time.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

Thing = dict[str, Any]


class Workload(NamedTuple):
    """What makes pods: the object, and the pod's labels and specification."""

    thing: Thing
    labels: dict[str, str]
    pod: Thing

    @property
    def name(self) -> str:
        return str(self.thing["metadata"]["name"])


def render(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*kubectl(), str(folder)], capture_output=True, text=True, check=False)


def laid_out(home: Path, secrets: bool = True) -> Path:
    """A copy of the manifests, with `secrets` as its examples name them; its folder of overlays."""
    here = home / "kubernetes"
    shutil.copytree(MANIFESTS, here, ignore=shutil.ignore_patterns("*.env"))
    overlays = here / "overlays"
    (overlays / SECURED).mkdir()
    (overlays / SECURED / "kustomization.yaml").write_text(_SECURED)
    for example in overlays.rglob("*.env.example") if secrets else ():
        example.with_suffix("").write_text(example.read_text() + (USER if example.name.startswith("secrets") else ""))
    return overlays


@functools.cache
def _objects(overlay: str) -> tuple[Thing, ...]:
    with tempfile.TemporaryDirectory() as home:
        done = render(laid_out(Path(home)) / overlay)
    assert done.returncode == 0, done.stderr
    return tuple(yaml.load_all(done.stdout, _LOADER))


def objects(overlay: str, *kinds: str) -> list[Thing]:
    """The objects of an overlay, or those of some kinds. They are shared: copy what is to be changed."""
    return [one for one in _objects(overlay) if not kinds or one["kind"] in kinds]


def named(overlay: str, kind: str, name: str) -> Thing:
    """One object; `name` without the digest that Kustomize puts behind the names of what it makes."""
    (found,) = [
        one
        for one in objects(overlay, kind)
        if one["metadata"]["name"] == name or one["metadata"]["name"].rpartition("-")[0] == name
    ]
    return found


def workloads(overlay: str) -> list[Workload]:
    return [
        Workload(one, one["spec"]["template"]["metadata"]["labels"], one["spec"]["template"]["spec"])
        for one in objects(overlay, "StatefulSet", "Deployment", "Job")
    ]


def containers(overlay: str) -> Iterator[tuple[str, Workload, Thing]]:
    """Every container with its workload, and a name for people."""
    for workload in workloads(overlay):
        for one in [*workload.pod.get("initContainers", []), *workload.pod["containers"]]:
            yield f"{overlay}: {workload.name}/{one['name']}", workload, one


def environment(overlay: str, container: Thing) -> dict[str, str]:
    """The variables of a container, as the kubelet makes them of values, ConfigMaps, secrets and the pod's own fields."""
    made: dict[str, str] = {}
    for source in container.get("envFrom", []):
        made |= _data(overlay, source)
    for one in container.get("env", []):
        if "value" in one:
            made[one["name"]] = one["value"]
        elif "fieldRef" in one["valueFrom"]:
            made[one["name"]] = "pod-0"
        else:
            reference = one["valueFrom"]["secretKeyRef"]
            data = _data(overlay, {"secretRef": reference})
            if reference["key"] in data:
                made[one["name"]] = data[reference["key"]]
            else:
                assert reference.get("optional"), f"{overlay}: there is no {reference['key']}"
    return made


def _data(overlay: str, source: Thing) -> dict[str, str]:
    kind, reference = (
        ("ConfigMap", source["configMapRef"]) if "configMapRef" in source else ("Secret", source["secretRef"])
    )
    for one in objects(overlay, kind):
        if one["metadata"]["name"] == reference["name"]:
            return {name: _plain(kind, value) for name, value in one.get("data", {}).items()}
    assert reference.get("optional"), f"{overlay}: there is no {kind} {reference['name']}"
    return {}


def _plain(kind: str, value: str) -> str:
    return base64.b64decode(value).decode() if kind == "Secret" else value


def matches(selector: Thing, labels: dict[str, str]) -> bool:
    """Whether a selector takes something with these labels; only matchLabels are in use."""
    assert set(selector) <= {"matchLabels"}, selector
    return selector.get("matchLabels", {}).items() <= labels.items()
