"""Which program, rules, drug list and models are in force."""

from __future__ import annotations

import importlib.metadata
from dataclasses import dataclass

from services.dashboard.operations.watch import Found
from services.models.versions import Version, all_versions
from shared.models.repository import read_active
from shared.settings import Settings
from shared.signals.rules import Rules
from shared.vocabulary.live import read_names
from shared.vocabulary.own import version as list_version


@dataclass(frozen=True)
class Versions:
    """`drugs` names the team's own list, empty where it has none; `active` is the number of the models in force."""

    adrwatch: str
    rules: str
    drugs: str
    drug_names: int
    active: int
    models: tuple[Version, ...]


def look(settings: Settings, rules: Rules) -> Versions:
    """As they are now. Raises DependencyAway for the broker, AdrwatchError for a repository that cannot be read."""
    names = read_names(settings)
    repository = settings.model_repository
    return Versions(
        importlib.metadata.version("adrwatch"), rules.stamp, list_version(names), len(names),
        read_active(repository).version, tuple(all_versions(repository)),
    )  # fmt: skip


def judged(found: Versions) -> Found:
    """Whether the models in force can be read. Pure."""
    broken = [one for one in found.models if one.number == found.active and one.trouble]
    detail = f"adrwatch {found.adrwatch}, models {found.active}"
    return Found(detail, broken[0].trouble, "see `adrwatch models verify`") if broken else Found(detail)
