"""The Compose file and the Dockerfile as data, for the tests of containers."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import dockerfile
import yaml

ROOT = Path(__file__).parents[3]
FILE = ROOT / "docker-compose.yml"
DOCKERFILE = ROOT / "deploy" / "docker" / "Dockerfile"
SCHEMA = Path(__file__).with_name("compose-spec.schema.json")


def interpolated(text: str) -> str:
    """The text with every `${NAME:-default}` replaced by its default; no other form is in use."""
    return re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", text)


def project() -> dict[str, Any]:
    """The Compose file with its anchors merged and its defaults filled in."""
    return yaml.safe_load(interpolated(FILE.read_text()))


def services() -> dict[str, dict[str, Any]]:
    return project()["services"]


def schema() -> dict[str, Any]:
    return json.loads(SCHEMA.read_text())


def enabled(profiles: set[str]) -> set[str]:
    """The services that `docker compose up` starts with these profiles."""
    return {name for name, spec in services().items() if not spec.get("profiles") or profiles & set(spec["profiles"])}


def default_profiles() -> set[str]:
    """The profiles that `.env` asks for."""
    lines = [line for line in (ROOT / ".env").read_text().splitlines() if not line.startswith("#")]
    return set(dict(line.split("=", 1) for line in lines)["COMPOSE_PROFILES"].split(","))


def broker_properties(environment: dict[str, str]) -> dict[str, str]:
    """What the Kafka image makes of its variables: KAFKA_A_B is the property a.b (heap and logging are for its scripts)."""
    return {
        name.removeprefix("KAFKA_").lower().replace("_", "."): value
        for name, value in environment.items()
        if name.startswith("KAFKA_") and name != "KAFKA_HEAP_OPTS"
    }


def options(command: list[str]) -> dict[str, str]:
    """`--name value` pairs of a command line."""
    return {word.removeprefix("--"): command[at + 1] for at, word in enumerate(command) if word.startswith("--")}


def stages() -> dict[str, list[dockerfile.Command]]:
    """The commands of each stage of the Dockerfile, its FROM first."""
    found: dict[str, list[dockerfile.Command]] = {}
    for command in dockerfile.parse_file(str(DOCKERFILE)):
        if command.cmd == "FROM":
            found[command.value[2]] = []
        if found:
            list(found.values())[-1].append(command)
    return found


def image_environment(stage: str) -> dict[str, str]:
    """The variables that a stage's ENV sets."""
    words = [word for command in stages()[stage] if command.cmd == "ENV" for word in command.value]
    return dict(zip(words[::2], words[1::2], strict=True))
