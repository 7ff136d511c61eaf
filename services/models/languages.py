"""Says which models read posts of which language: checks a pair before it is written down, and what Triton reads beside it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from shared.errors import AdrwatchError
from shared.models.configuration import signature, write_configuration
from shared.models.languages import PAIR_NAME, Pair, read_pairs, write_pairs
from shared.models.metadata import check_parser
from shared.models.repository import locked
from shared.models.session import OnnxModel
from shared.text.parse import Unparsed, default_parser
from shared.vocabulary.languages import ENGLISH, LANGUAGES, check


@dataclass(frozen=True)
class Read:
    """What reads one language. `trouble`: why the models cannot be used; they then have no name of their version."""

    language: str
    pair: str
    version: int
    name: str = ""
    trouble: str = ""


def listed(repository: Path) -> list[Read]:
    """What reads each language, English left out. Raises AdrwatchError where the repository's file is wrong."""
    found = []
    for language, pair in sorted(read_pairs(repository).items()):
        try:
            name = "+".join(features.metadata.version for features in pair.load(repository))
            found.append(Read(language, pair.name, pair.version, name))
        except AdrwatchError as error:
            found.append(Read(language, pair.name, pair.version, trouble=error.message))
    return found


def assign(repository: Path, languages: Iterable[str], pair: Pair) -> None:
    """Have a pair read these languages from the next start of the workers on. Raises AdrwatchError where it cannot."""
    wanted = _checked(languages)
    if not PAIR_NAME.fullmatch(pair.name):
        raise AdrwatchError(f"{pair.name!r} is no name of a pair", fix="small letters and digits: multilingual")
    both = pair.load(repository)
    parsers = {Unparsed.version, default_parser().version}
    for features in both:
        if features.metadata.parser not in parsers:
            check_parser(features.metadata, default_parser().version)
        folder = repository / features.metadata.name
        tensors = [(one.name, one.dims) for one in signature(features)]
        found = [(name, dims) for name, _, dims in OnnxModel.of_folder(folder / str(pair.version)).tensors]
        if found != tensors:
            raise AdrwatchError(
                f"{features.metadata.name}/{pair.version} has the tensors {found}, its features need {tensors}",
                fix="export it again",
            )
    with locked(repository):
        for features in both:
            write_configuration(repository / features.metadata.name, {pair.version: features})
        write_pairs(repository, read_pairs(repository) | dict.fromkeys(wanted, pair))


def release(repository: Path, languages: Iterable[str]) -> None:
    """Have no models read these languages any more. Raises AdrwatchError."""
    wanted = _checked(languages)
    with locked(repository):
        write_pairs(repository, {key: pair for key, pair in read_pairs(repository).items() if key not in wanted})


def _checked(languages: Iterable[str]) -> list[str]:
    wanted = [check(language) for language in languages]
    if ENGLISH in wanted:
        raise AdrwatchError(
            "English has the models that are active",
            fix=f"languages are {', '.join(LANGUAGES)}; see `adrwatch models list`",
        )
    return wanted
