"""The Compose file: right by the specification, and meaning what the rest of the project means."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from deploy.local import kafka
from shared.settings import Settings, load
from tests.unit.docker.compose import (
    ROOT,
    broker_properties,
    default_profiles,
    enabled,
    image_environment,
    options,
    project,
    schema,
    services,
    stages,
)
from tests.unit.docker.recipe import sent

OURS = {name for name, spec in services().items() if spec.get("build", {}).get("target") == "services"}
WORKERS = {name for name in OURS if services()[name].get("command", [""])[0] == "worker"}
# What needs no health check, and why.
NO_HEALTH = {"topics": "ends by itself", "adrwatch": "one command, run by a person", "desk": "the same"}
# Its image writes into its own folders when it starts.
WRITABLE = {"kafka", "triton-gpu"}


def seconds(text: str) -> float:
    number, unit = re.fullmatch(r"(\d+)(ms|s|m)", text).groups()  # type: ignore[union-attr]
    return int(number) * {"ms": 0.001, "s": 1, "m": 60}[unit]


def bytes_of(text: str) -> int:
    number, unit = re.fullmatch(r"(\d+)(mb?|gb?)", text).groups()  # type: ignore[union-attr]
    return int(number) * {"m": 2**20, "g": 2**30}[unit[0]]


def bind_sources(spec: dict[str, Any]) -> list[str]:
    return [volume["source"] for volume in spec.get("volumes", []) if isinstance(volume, dict)]


def named_volumes(spec: dict[str, Any]) -> list[str]:
    return [volume.split(":")[0] for volume in spec.get("volumes", []) if isinstance(volume, str)]


def test_the_file_is_right_by_the_compose_specification() -> None:
    errors = [error.message for error in Draft202012Validator(schema()).iter_errors(project())]
    assert errors == []


def test_the_specification_would_find_a_wrong_key() -> None:
    wrong = project()
    wrong["services"]["kafka"]["helthcheck"] = {}
    assert not Draft202012Validator(schema()).is_valid(wrong)


def test_plain_up_starts_everything_with_the_triton_for_cpus() -> None:
    assert enabled(default_profiles()) == {
        "kafka", "redis", "triton", "topics", "pipeline", "alerting", "cases", "dashboard",
    }  # fmt: skip


def test_the_gpu_profile_starts_the_other_triton_instead() -> None:
    assert enabled({"gpu"}) == enabled(default_profiles()) - {"triton"} | {"triton-gpu"}


def test_both_tritons_answer_under_the_name_that_the_services_are_given() -> None:
    assert services()["triton-gpu"]["networks"]["default"]["aliases"] == ["triton"]
    for name in OURS:
        assert services()[name]["environment"]["ADRWATCH_TRITON_URL"] == "triton:8001"


@pytest.mark.parametrize("name", services())
def test_every_image_is_pinned_or_built_here(name: str) -> None:
    spec = services()[name]
    tag = spec["image"].rpartition(":")[2]
    assert re.match(r"v?\d+\.\d+", tag), f"{spec['image']} has no version"
    if "build" in spec:
        assert spec["build"]["target"] in stages()
        assert (ROOT / spec["build"]["dockerfile"]).is_file()
        assert spec["pull_policy"] == "build", "nobody publishes this image"


def test_images_that_are_built_here_carry_the_version_of_the_project() -> None:
    version = re.search(r'^version = "(.+)"$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    built = {spec["image"].rpartition(":")[2] for spec in services().values() if "build" in spec}
    assert version is not None
    assert built == {version[1]}


@pytest.mark.parametrize("name", services())
def test_every_service_says_how_it_is_or_needs_not(name: str) -> None:
    assert ("healthcheck" in services()[name]) != (name in NO_HEALTH)


@pytest.mark.parametrize("name", services())
def test_a_dependency_exists_and_can_come_true(name: str) -> None:
    spec = services()[name]
    active = set(spec.get("profiles", [])) | default_profiles()
    for other, wanted in spec.get("depends_on", {}).items():
        target = services()[other]
        if wanted["condition"] == "service_healthy":
            assert "healthcheck" in target
        else:
            assert wanted["condition"] == "service_completed_successfully"
            assert target["restart"] == "no"
        assert other in enabled(active) or not wanted.get("required", True), f"{other} is not enabled beside {name}"


@pytest.mark.parametrize("name", services())
def test_nothing_is_published_beyond_the_loopback(name: str) -> None:
    spec = services()[name]
    assert "network_mode" not in spec
    for port in spec.get("ports", []):
        assert port.startswith("127.0.0.1:")


@pytest.mark.parametrize("name", services())
def test_volumes_are_declared_and_bound_folders_exist(name: str) -> None:
    spec = services()[name]
    assert set(named_volumes(spec)) <= set(project()["volumes"])
    for source in bind_sources(spec):
        assert (ROOT / source).is_dir()
    assert all(volume["read_only"] for volume in spec.get("volumes", []) if isinstance(volume, dict))


@pytest.mark.parametrize("name", services())
def test_a_container_has_no_more_rights_than_it_needs(name: str) -> None:
    spec = services()[name]
    assert spec["cap_drop"] == ["ALL"]
    assert spec["security_opt"] == ["no-new-privileges:true"]
    assert spec["init"] is True
    assert "privileged" not in spec
    assert spec.get("read_only", False) != (name in WRITABLE)
    assert {"memory", "pids"} <= set(spec["deploy"]["resources"]["limits"])


@pytest.mark.parametrize("stage", ["services", "triton"])
def test_the_images_run_as_a_user_without_rights(stage: str) -> None:
    users = [command.value[0] for command in stages()[stage] if command.cmd == "USER"]
    assert users
    assert not users[-1].startswith(("0", "root"))


@pytest.mark.parametrize("name", sorted(OURS))
def test_the_settings_of_a_service_are_right(name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    given = {**image_environment("services"), **services()[name]["environment"]}
    ours = {key: value for key, value in given.items() if key.startswith("ADRWATCH_")}
    assert ours.keys() <= {f"ADRWATCH_{field.upper()}" for field in Settings.model_fields}
    monkeypatch.chdir(tmp_path)
    for key, value in ours.items():
        monkeypatch.setenv(key, value)
    settings = load()
    assert settings.kafka_bootstrap == "kafka:19092"
    assert settings.redis_url == "redis://redis:6379/0"


def test_the_file_holds_no_secret() -> None:
    assert not [key for spec in services().values() for key in spec.get("environment", {}) if "SECRET" in key]


def test_only_what_brings_posts_in_has_the_volume_of_the_author_secret() -> None:
    holders = {name for name in OURS if "adrwatch" in named_volumes(services()[name])}
    assert holders == {"adrwatch", "push", "sources"}
    assert "adrwatch:/var/lib/adrwatch" in services()["adrwatch"]["volumes"]
    assert image_environment("services")["ADRWATCH_DATA_DIR"] == "/var/lib/adrwatch"


def test_all_workers_of_the_pipeline_have_one_key_of_sketches_and_nobody_else_has_it() -> None:
    assert {name for name in OURS if "pipeline" in named_volumes(services()[name])} == {"pipeline"}
    assert services()["pipeline"]["volumes"] == ["pipeline:/var/lib/adrwatch"]
    assert services()["pipeline"]["environment"]["ADRWATCH_DATA_DIR"] == "/var/lib/adrwatch"


@pytest.mark.parametrize("name", sorted(WORKERS))
def test_a_worker_has_time_to_finish_its_batch_and_answers_at_the_port_that_is_asked(name: str) -> None:
    spec = services()[name]
    assert seconds(spec["stop_grace_period"]) > float(spec["environment"]["ADRWATCH_STOP_GRACE"])
    assert spec["healthcheck"]["test"][-1] == spec["environment"]["ADRWATCH_METRICS_PORT"]
    # Of a pushed source there is one process, which has its spool.
    assert ("ports" in spec) == (name in ("push", "dashboard")), "replicas cannot share a port of the host"
    assert "container_name" not in spec, "replicas cannot share a name"


def test_a_worker_writes_only_where_it_can() -> None:
    for name in WORKERS:
        folder = services()[name]["environment"]["ADRWATCH_DATA_DIR"]
        kept = [volume.partition(":")[2] for volume in services()[name].get("volumes", []) if isinstance(volume, str)]
        assert folder.startswith("/tmp/") or folder in kept
        assert services()[name]["tmpfs"][0].startswith("/tmp:")


def test_people_see_the_cases_that_the_worker_sees() -> None:
    settings = [
        services()[name]["environment"].get("ADRWATCH_DATA_DIR", "/var/lib/adrwatch") for name in ("cases", "desk")
    ]
    assert settings == ["/var/lib/adrwatch"] * 2
    assert [services()[name]["volumes"] for name in ("cases", "desk")] == [["cases:/var/lib/adrwatch"]] * 2


def test_the_broker_is_set_as_the_launcher_sets_it() -> None:
    launched = dict(
        line.split("=", 1)
        for line in kafka.PROPERTIES.splitlines()
        if line and not line.startswith("#") and "{" not in line
    )
    contained = broker_properties(services()["kafka"]["environment"])
    # Containers have one listener more.
    launched.pop("listener.security.protocol.map")
    assert {name: contained.get(name) for name in launched} == launched
    assert contained["auto.create.topics.enable"] == "false"


def test_the_broker_is_reached_from_inside_and_from_the_host() -> None:
    spec = services()["kafka"]
    properties = broker_properties(spec["environment"])
    advertised = dict(one.split("://") for one in properties["advertised.listeners"].split(","))
    listeners = dict(one.split("://") for one in properties["listeners"].split(","))
    bootstrap = services()["pipeline"]["environment"]["ADRWATCH_KAFKA_BOOTSTRAP"]
    assert advertised["INSIDE"] == bootstrap
    assert listeners["INSIDE"] == f":{bootstrap.split(':')[1]}"
    assert spec["ports"] == [f"{advertised['HOST']}{listeners['HOST']}"]
    assert listeners["CONTROLLER"].startswith("127.0.0.1:")
    assert set(listeners) == {one.split(":")[0] for one in properties["listener.security.protocol.map"].split(",")}


def test_broker_and_its_data_are_those_of_the_launcher_and_of_the_volume() -> None:
    spec = services()["kafka"]
    assert spec["image"] == f"apache/kafka:{kafka.KAFKA}"
    assert spec["volumes"] == [f"kafka:{spec['environment']['KAFKA_LOG_DIRS']}"]


def test_redis_refuses_writes_before_its_container_is_out_of_memory() -> None:
    spec = services()["redis"]
    given = options(spec["command"])
    assert given["maxmemory-policy"] == "noeviction"
    assert given["appendonly"] == "yes"
    limit = bytes_of(spec["deploy"]["resources"]["limits"]["memory"])
    assert 2 * bytes_of(given["maxmemory"]) <= limit, "rewriting the append-only file may take as much again"


def test_a_setting_of_ones_own_comes_from_a_file_that_git_and_the_images_leave_out() -> None:
    for name in OURS:
        (file,) = services()[name]["env_file"]
        assert file == {"path": "deploy/docker/adrwatch.env", "required": False}
    ignored = (ROOT / "deploy" / "docker" / ".gitignore").read_text().splitlines()
    assert "adrwatch.env" in ignored
    assert not sent(Path("deploy/docker/adrwatch.env"))


def test_a_build_is_sent_what_the_images_are_made_of_and_nothing_else() -> None:
    assert sent(Path("triton_models/adr_ner/1/model.onnx"))
    assert not any(
        sent(Path(path)) for path in (".git/config", ".venv/bin/python", ".adrwatch/author.secret", "tests/topics.py")
    )
    copied = {
        word.removesuffix("/")
        for commands in stages().values()
        for command in commands
        if command.cmd == "COPY" and not command.flags
        for word in command.value[:-1]
    }
    assert [path for path in copied if not sent(Path(path)) or not (ROOT / path).exists()] == []
