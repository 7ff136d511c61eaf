"""What there is: the versions of a repository, and which one a person means."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from shared.errors import AdrwatchError
from shared.models.configuration import FEATURES, MODELS, Features
from shared.models.release import read_release
from shared.models.repository import read_active, whole_versions


@dataclass(frozen=True)
class Version:
    """One version of all models. `name` is what outcomes and mentions carry; `scores` are by model, then as recorded.

    `trouble`: why it cannot be read; it then has no more than its number.
    """

    number: int
    name: str = ""
    digests: tuple[str, ...] = ()
    exported_at: datetime | None = None
    scores: tuple[tuple[str, float], ...] = ()
    trouble: str = ""


def all_versions(repository: Path) -> list[Version]:
    """Every version that both models have a folder for."""
    return [_version(repository, number) for number in whole_versions(repository, MODELS)]


def _version(repository: Path, number: int) -> Version:
    folders = [repository / name / str(number) for name in MODELS]
    try:
        metadata = [features.metadata for features in load(repository, number)]
        releases = [read_release(folder) for folder in folders]
    except AdrwatchError as error:
        return Version(number, trouble=error.message)
    return Version(
        number,
        "+".join(one.version for one in metadata),
        tuple(one.digest for one in metadata),
        max(release.exported_at for release in releases),
        tuple((f"{name} {key}", value) for name, one in zip(MODELS, releases, strict=True)
              for key, value in one.scores.items()),
    )  # fmt: skip


def load(repository: Path, number: int) -> list[Features]:
    """The features of both models. Raises AdrwatchError where a file is missing or does not fit this program."""
    return [FEATURES[name].load(repository / name / str(number)) for name in MODELS]


def find(repository: Path, wanted: str) -> int:
    """The number of the version that a person names by number or by name (2026.12.0, or classifier+extractor).

    Raises AdrwatchError where there is none or more than one.
    """
    read_active(repository)
    there = all_versions(repository)
    if not wanted:
        return read_active(repository).version
    fitting = [version for version in there if wanted in (str(version.number), version.name)]
    fitting = fitting or [version for version in there if set(version.name.split("+")) == {wanted}]
    if len(fitting) != 1:
        what = "is the name of several versions, give a number" if fitting else "is no version"
        known = ", ".join(f"{version.number} ({version.name or 'cannot be read'})" for version in there) or "none"
        raise AdrwatchError(f"{wanted} {what}: {repository} has {known}", fix="see `adrwatch models list`")
    return fitting[0].number
