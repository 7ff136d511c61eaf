"""Every object is right by the schema of its kind."""

from __future__ import annotations

import copy
import functools
import json
from pathlib import Path

import jsonschema
import kubernetes_validate
import pytest
import yaml
from kubernetes_validate import ValidationError, utils

from tests.unit.kubernetes.rendered import OVERLAYS, SECURED, Thing, laid_out, named, objects, render

SCHEMAS = Path(__file__).parent / "schemas"
# The oldest Kubernetes that the runbook names, and the newest whose schemas are known.
KUBERNETES = ("1.31", "1.37")


@pytest.fixture(autouse=True)
def read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The package reads all schemas of a version, megabytes, for each object that it checks."""
    monkeypatch.setattr(utils, "schema_contents", functools.cache(utils.schema_contents))


@functools.cache
def definitions() -> dict[tuple[str, str], Thing]:
    """Schemas of the kinds that others have added to Kubernetes, by version and kind."""
    found = {}
    for file in SCHEMAS.glob("*.yaml"):
        spec = yaml.safe_load(file.read_text())["spec"]
        for version in spec["versions"]:
            found[f"{spec['group']}/{version['name']}", spec["names"]["kind"]] = version["schema"]["openAPIV3Schema"]
    return found


def closed(schema: Thing) -> Thing:
    """The schema with no room for keys that it does not name, which the API server would drop."""
    if not isinstance(schema, dict):
        return schema
    result = {key: closed(value) if key != "properties" else value for key, value in schema.items()}
    if "properties" in schema:
        result["properties"] = {key: closed(value) for key, value in schema["properties"].items()}
        if not schema.get("x-kubernetes-preserve-unknown-fields"):
            result.setdefault("additionalProperties", False)
    return result


def check(thing: Thing, version: str) -> None:
    """Raises an error that says what is wrong."""
    kind = (thing["apiVersion"], thing["kind"])
    if kind in definitions():
        schema = closed(definitions()[kind])
        # Of these, an object's own schema says no more than that they are objects.
        schema["properties"]["metadata"] = {"type": "object"}
        jsonschema.validate(thing, schema, jsonschema.Draft202012Validator)
    else:
        assert kubernetes_validate.validate(thing, version, strict=True) == version


@pytest.mark.parametrize("version", KUBERNETES)
def test_every_object_is_right_by_the_schema_of_its_kind(version: str) -> None:
    # Most are the same in all overlays.
    distinct = {json.dumps(thing, sort_keys=True): thing for overlay in OVERLAYS for thing in objects(overlay)}
    assert len(distinct) > 60
    for thing in distinct.values():
        check(thing, version)


@pytest.mark.parametrize(
    ("kind", "name", "key"),
    [("StatefulSet", "pipeline", "replica"), ("ScaledObject", "pipeline", "maxReplicas"), ("PodMonitor", "workers", "port"),
     ("TriggerAuthentication", "kafka", "secretRef")],
)  # fmt: skip
def test_a_key_that_there_is_not_would_be_found(kind: str, name: str, key: str) -> None:
    thing = copy.deepcopy(named(SECURED, kind, name))
    check(thing, KUBERNETES[-1])
    thing["spec"][key] = 1
    with pytest.raises((ValidationError, jsonschema.ValidationError), match=key):
        check(thing, KUBERNETES[-1])


def test_a_missing_file_of_secrets_is_named(tmp_path: Path) -> None:
    done = render(laid_out(tmp_path, secrets=False) / "small")
    assert done.returncode != 0
    assert "secrets.env" in done.stderr
