"""Makes a version of both models out of checkpoints; a model without one is taken over from the active version."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from services.training.export import export
from shared.errors import AdrwatchError
from shared.models.configuration import FEATURES, MODELS, write_configuration
from shared.models.languages import Pair, next_number, read_pairs
from shared.models.release import record
from shared.models.repository import ACTIVE, Active, locked, numbers, read_active, write_active
from shared.text.parse import default_parser


def make_pair(
    checkpoints: Sequence[Path],
    repository: Path,
    version: str,
    pair: str,
    *,
    number: int | None = None,
    eight_bit: bool,
    half: bool,
    say: Callable[[str], None],
) -> int:
    """Write a version of the pair of other languages; returns its number.

    `number`: one to write over, else the next. Raises AdrwatchError where it reads a language, or a model is lacking.
    """
    repository.mkdir(parents=True, exist_ok=True)
    with locked(repository):
        number = number or next_number(repository, pair)
        if reading := [code for code, one in read_pairs(repository).items() if one == Pair(pair, number)]:
            raise AdrwatchError(
                f"version {number} of {pair} reads {', '.join(reading)}", fix="leave --number out: the next is written"
            )
        made = set()
        for checkpoint in checkpoints:
            say(f"exporting {checkpoint}")
            folder = export(checkpoint, repository, version, number, eight_bit=eight_bit, half=half, pair=pair)
            made.add(folder.parent.name)
        if lacking := [name for name in Pair(pair, number).models if name not in made]:
            raise AdrwatchError(f"a pair needs {lacking[0]}", fix="give the checkpoints of both models")
    return number


def make_version(
    checkpoints: Sequence[Path],
    repository: Path,
    version: str,
    *,
    number: int | None = None,
    eight_bit: bool = True,
    half: bool = False,
    say: Callable[[str], None],
) -> int:
    """Write a version into the repository and record it; returns its number. Nothing is activated, except where nothing is yet.

    `number`: one to write over, else the next. Raises AdrwatchError where it is in use, or a model is left without a graph.
    """
    repository.mkdir(parents=True, exist_ok=True)
    with locked(repository):
        first = not (repository / ACTIVE).is_file()
        if not first and number == read_active(repository).version:
            raise AdrwatchError(
                f"version {number} is active", fix="leave --number out, or activate another version before"
            )
        there = set.union(*(numbers(repository / name) for name in MODELS))
        number = number or max(there, default=0) + 1
        made = set()
        for checkpoint in checkpoints:
            say(f"exporting {checkpoint}")
            folder = export(checkpoint, repository, version, number, eight_bit=eight_bit, half=half)
            made.add(folder.parent.name)
        for name in MODELS:
            folder = repository / name / str(number)
            if name not in made and not folder.exists():
                if first:
                    raise AdrwatchError(
                        f"version {number} has no {name}, and no version is active to take it from",
                        fix="give the checkpoints of both models",
                    )
                shutil.copytree(repository / name / str(read_active(repository).version), folder)
                say(f"{name} is that of the active version")
        for name in MODELS:
            record(repository / name / str(number), name, default_parser())
        if first:
            write_active(repository, Active(number))
        if number == read_active(repository).version:
            for name in MODELS:
                write_configuration(repository / name, {number: FEATURES[name].load(repository / name / str(number))})
    return number
