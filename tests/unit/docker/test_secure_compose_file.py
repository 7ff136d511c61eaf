"""The second Compose file, which encrypts and gives users: as the secured servers of the tests are, and whole."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from deploy.local.processes import Context
from shared import rights
from shared.settings import Settings, load
from tests.integration.certificates import Authority
from tests.integration.secure_kafka import SecureKafka
from tests.integration.secure_triton import SecureTriton
from tests.unit.docker import compose
from tests.unit.docker.compose import ROOT, broker_properties, image_environment, options, schema

FILE = ROOT / "deploy" / "docker" / "secure.yml"
WORKERS = sorted(rights.WORKERS)
# They read numbers at ports that have no password, and have no rights anywhere.
OBSERVERS = ("prometheus", "grafana")


def over() -> dict[str, Any]:
    return yaml.safe_load(compose.interpolated(FILE.read_text()))


def environment(name: str) -> dict[str, str]:
    """A service's, with that of the first file under it, as Compose merges them."""
    return compose.services()[name].get("environment", {}) | over()["services"][name].get("environment", {})


def test_the_file_is_right_by_the_compose_specification_and_names_services_that_exist() -> None:
    assert [error.message for error in Draft202012Validator(schema()).iter_errors(over())] == []
    # NVIDIA's Triton takes the options of the other one; its file is the user's to write.
    assert over()["services"].keys() == compose.services().keys() - {"triton-gpu", *OBSERVERS}


@pytest.mark.parametrize("name", OBSERVERS)
def test_who_observes_talks_to_no_server_that_asks_for_a_user(name: str) -> None:
    said = json.dumps(compose.services()[name]) + "".join(
        path.read_text() for path in (ROOT / "deploy" / "observe" / name).rglob("*.y*ml")
    )
    assert "adrwatch" in said
    assert re.findall(r"kafka:\d+|redis:\d+|triton:800[01]|ADRWATCH_\w+_(?:PASSWORD|SECRET)", said) == []


@pytest.mark.parametrize("name", [*WORKERS, "topics", "desk", "adrwatch"])
def test_a_service_has_one_user_one_secret_and_settings_that_are_right(
    name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    given = {**image_environment("services"), **environment(name)}
    user = rights.user(name) if name in WORKERS else "operator"
    secret = name if name in WORKERS else "operator"
    assert over()["services"][name]["secrets"] == [secret]
    assert over()["secrets"][secret]["file"].endswith(f"/passwords/{secret}")
    path = tmp_path / secret
    path.write_text("a password\n")
    path.chmod(0o400)
    monkeypatch.chdir(tmp_path)
    for key, value in given.items():
        if key.startswith("ADRWATCH_"):
            monkeypatch.setenv(key, value.replace("/run/secrets/", f"{tmp_path}/"))
    settings = load()
    assert (settings.kafka_security, settings.kafka_username) == ("SASL_SSL", user)
    assert settings.kafka_password is not None
    assert settings.kafka_password.get_secret_value() == "a password"
    needs_redis = name not in WORKERS or bool(rights.WORKERS[name].redis)
    assert (settings.redis_username == user) == needs_redis == (settings.redis_password is not None)
    assert settings.redis_url is not None
    assert settings.redis_url.startswith("rediss://")
    assert settings.triton_security == "SSL"


def test_no_secret_stands_in_a_variable() -> None:
    named = {key for service in over()["services"].values() for key in service.get("environment", {})}
    assert not [key for key in named if re.search("PASSWORD|SECRET", key) and not key.endswith("_FILE")]
    assert not [key for key in named if "JAAS" in key]
    known = {f"ADRWATCH_{name.upper()}{end}" for name in Settings.model_fields for end in ("", "_FILE")}
    assert {key for key in named if key.startswith("ADRWATCH_")} <= known


def test_broker_and_triton_are_set_as_those_that_the_tests_of_encryption_run(tmp_path: Path) -> None:
    authority, context = Authority(tmp_path), Context(tmp_path, tmp_path)
    kafka = SecureKafka(context, authority)
    kafka.choose_ports(fresh=True)
    tested = dict(line.split("=", 1) for line in kafka.properties.splitlines() if "=" in line and line[0] != "#")
    here = broker_properties(environment("kafka"))
    for name in (
        "sasl.enabled.mechanisms", "sasl.mechanism.inter.broker.protocol", "ssl.keystore.type", "ssl.truststore.type",
        "authorizer.class.name", "super.users",
    ):  # fmt: skip
        assert here[name] == tested[name]
    assert "PLAINTEXT" not in here["listener.security.protocol.map"].replace("CONTROLLER:PLAINTEXT", "")
    triton = SecureTriton(context, tmp_path, authority, None)
    assert [word.split("=")[0] for word in over()["services"]["triton"]["command"]] == [
        word.split("=")[0] for word in triton.options
    ]


def test_redis_has_no_open_port_and_what_it_had_before() -> None:
    before, now = (options(file["redis"]["command"]) for file in (compose.services(), over()["services"]))
    assert before.items() <= now.items()
    assert now["port"] == "0"
    assert {"tls-port", "tls-cert-file", "tls-key-file", "tls-ca-cert-file", "aclfile"} <= now.keys()


def test_what_is_bound_from_outside_cannot_be_written_and_git_leaves_it_out() -> None:
    bound = [
        one for service in over()["services"].values() for one in service.get("volumes", []) if isinstance(one, dict)
    ]
    assert bound
    assert all(one["read_only"] and one["bind"] == {"create_host_path": False} for one in bound)
    assert "security/" in (ROOT / "deploy" / "docker" / ".gitignore").read_text().splitlines()
