"""What pods are told: settings that there are, commands that there are, secrets to those who need them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import typer.main

from services.cli import build
from services.ingest.networks.configuration import examine
from services.notify.configuration import load as notifiers
from shared.errors import AdrwatchError
from shared.settings import Settings, load
from tests.unit.docker.compose import image_environment
from tests.unit.kubernetes.rendered import MANIFESTS, OVERLAYS, containers, environment, named, objects

LONG_ENOUGH = "only-of-this-test"


def told(overlay: str, container: dict[str, Any]) -> dict[str, str]:
    """The variables of ours that a container has, those of its image included, with secrets in the examples' place."""
    image = image_environment("services") if container["image"].startswith("adrwatch:") else {}
    given = {name: value for name, value in {**image, **environment(overlay, container)}.items() if "ADRWATCH_" in name}
    return {name: value.replace("replace-me", LONG_ENOUGH) for name, value in given.items()}


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    monkeypatch.chdir(tmp_path)

    def settings(variables: dict[str, str]) -> Settings:
        with monkeypatch.context() as only:
            for name, value in variables.items():
                only.setenv(name, value)
            return load()

    return settings


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_variables_are_settings_with_values_that_are_right(overlay: str, settings: Any) -> None:
    known = {f"ADRWATCH_{name.upper()}" for name in Settings.model_fields}
    for name, _, container in containers(overlay):
        variables = told(overlay, container)
        assert variables.keys() <= known, name
        if not container["image"].startswith("adrwatch:"):
            assert not variables, name
        elif variables.get("ADRWATCH_KAFKA_SECURITY", "").startswith("SASL"):
            assert settings(variables).kafka_username == "adrwatch", name
        else:
            # The example has a user for Kafka, which an overlay without one does not.
            plain = {key: value for key, value in variables.items() if not re.search("KAFKA_(USER|PASS)", key)}
            assert settings(plain).kafka_security == "PLAINTEXT", name


def test_a_secret_that_nobody_has_replaced_is_refused(settings: Any) -> None:
    (variables,) = [
        environment("small", container)
        for name, _, container in containers("small")
        if name.endswith("pipeline/worker")
    ]
    plain = {name: value for name, value in variables.items() if "KAFKA_" not in name}
    with pytest.raises(AdrwatchError, match="ADRWATCH_SKETCH_SECRET"):
        settings(plain)


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_commands_are_those_of_adrwatch(overlay: str) -> None:
    tree: Any = typer.main.get_command(build())
    found = 0
    for name, workload, container in containers(overlay):
        if not container["image"].startswith("adrwatch:") or "command" in container:
            continue
        command = tree
        for word in container["args"]:
            command = command.commands[word]
        assert not hasattr(command, "commands"), name
        found += 1
        if container["args"][0] == "worker" and workload.name != "desk":
            assert container["args"] == ["worker", workload.name], name
    assert found == 9


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_secrets_are_known_to_those_who_need_them_alone(overlay: str) -> None:
    holders: dict[str, set[str]] = {}
    for name, _, container in containers(overlay):
        for variable in environment(overlay, container):
            holders.setdefault(variable, set()).add(name.partition(": ")[2])
    assert holders["ADRWATCH_AUTHOR_SECRET"] == {"sources/worker", "push/worker", "tools/tools"}
    assert holders["ADRWATCH_SKETCH_SECRET"] == {"pipeline/worker"}
    assert holders["ADRWATCH_AUDIT_SECRET"] == {"desk/schema", "desk/worker", "desk/cases"}
    if overlay != "small":
        assert holders["ADRWATCH_DATABASE_URL"] == holders["ADRWATCH_AUDIT_SECRET"]
        assert holders["DESK_SECRET"] == {"notify/worker"}


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_a_secret_is_given_by_reference_only(overlay: str) -> None:
    secret = re.compile("SECRET|PASSWORD|DATABASE_URL|TOKEN")
    for name, _, container in containers(overlay):
        assert not [one["name"] for one in container.get("env", []) if "value" in one and secret.search(one["name"])], (
            name
        )
    for one in objects(overlay, "ConfigMap"):
        assert not [key for key in one["data"] if secret.search(key)], one["metadata"]["name"]


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_a_folder_or_file_that_settings_name_is_mounted(overlay: str) -> None:
    for name, workload, container in containers(overlay):
        mounts = {mount["mountPath"]: mount for mount in container.get("volumeMounts", [])}
        variables = environment(overlay, container)
        for variable, value in variables.items():
            if not re.fullmatch("ADRWATCH_(DATA_DIR|.*_FILE)", variable):
                continue
            if workload.name == "desk" and container["name"] == "schema" and "KAFKA" in variable:
                continue  # it asks the database alone
            (mount,) = [mounts[str(parent)] for parent in (Path(value), *Path(value).parents) if str(parent) in mounts]
            assert mount.get("readOnly", False) == variable.endswith("_FILE"), f"{name}: {variable}"
            if variable.endswith("_FILE"):
                assert Path(value).name in files_of(overlay, workload.pod, mount["name"]), f"{name}: {variable}"


def files_of(overlay: str, pod: dict[str, Any], volume: str) -> set[str]:
    (found,) = [one for one in pod["volumes"] if one["name"] == volume]
    if "secret" in found:
        # The one secret that is made by hand.
        assert found["secret"]["secretName"] == "kafka-ca"
        return {"ca.crt"}
    wanted = found["configMap"]["name"]
    (data,) = [one["data"] for one in objects(overlay, "ConfigMap") if one["metadata"]["name"] == wanted]
    return set(data)


def test_people_and_the_worker_of_cases_have_the_same_cases_and_the_same_trail() -> None:
    for overlay in OVERLAYS:
        desk = [container for name, workload, container in containers(overlay) if workload.name == "desk"]
        assert len(desk) == 3
        assert {environment(overlay, one)["ADRWATCH_DATA_DIR"] for one in desk} == {"/var/lib/adrwatch"}
        assert all({"name": "data", "mountPath": "/var/lib/adrwatch"} in one["volumeMounts"] for one in desk)


def test_the_files_of_sources_and_channels_are_right(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    base = MANIFESTS / "base"
    given = settings(
        {"ADRWATCH_SOURCES_FILE": str(base / "sources.toml"), "ADRWATCH_NOTIFIERS_FILE": str(base / "notifiers.toml")}
    )
    sources, wrong = examine(given)
    assert (list(sources), wrong) == (["bluesky"], [])
    monkeypatch.setenv("DESK_SECRET", LONG_ENOUGH)
    assert list(notifiers(given).channels) == ["desk"]
    assert "DESK_SECRET" in (MANIFESTS / "overlays" / "cpu" / "notify.env.example").read_text()


def test_whoever_is_reached_from_outside_listens_on_every_address(settings: Any) -> None:
    dashboard = {
        one["name"]: one for one in named("cpu", "StatefulSet", "desk")["spec"]["template"]["spec"]["containers"]
    }
    found = settings({k: v for k, v in told("cpu", dashboard["worker"]).items() if "KAFKA_" not in k})
    assert (found.dashboard_host, found.dashboard_access) == ("0.0.0.0", "people")  # noqa: S104
    assert found.dashboard_url == "https://" + named("cpu", "Ingress", "dashboard")["spec"]["rules"][0]["host"]
