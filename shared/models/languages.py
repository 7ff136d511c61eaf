"""Which models read posts of other languages: a pair of a classifier and an extractor beside the English one.

    languages.json                    a pair for each language; without the file, posts are read in English only
    adr_classifier_multilingual/1/    as adr_classifier/1/, and so is adr_ner_multilingual/1/

Triton loads such models when a worker asks for them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import msgspec

from shared.errors import AdrwatchError
from shared.models import classifier, extractor
from shared.models.classifier import BALANCED, ClassifierFeatures
from shared.models.configuration import CONFIG
from shared.models.extractor import ExtractorFeatures
from shared.models.repository import numbers, replace_file

FILE = "languages.json"
PAIR_NAME = re.compile(r"[a-z][a-z0-9]{1,29}")


class Pair(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A version of the two models that end with `_name`."""

    name: str
    version: int

    @property
    def models(self) -> tuple[str, str]:
        """Names of the classifier and of the extractor, as in the repository and in Triton."""
        return f"{classifier.NAME}_{self.name}", f"{extractor.NAME}_{self.name}"

    def load(self, repository: Path, policy: str = BALANCED) -> tuple[ClassifierFeatures, ExtractorFeatures]:
        """What both models read. Raises AdrwatchError where a file is missing or does not fit this program."""
        one, other = self.models
        folder = str(self.version)
        return (
            ClassifierFeatures.load(repository / one / folder, policy, one),
            ExtractorFeatures.load(repository / other / folder, other),
        )


def read_pairs(repository: Path) -> dict[str, Pair]:
    """The pair of each language by its code; none where there is no file. Raises AdrwatchError where it is wrong."""
    file = repository / FILE
    fix = 'it holds {"LANGUAGE": {"name": PAIR, "version": NUMBER}}; write it by `adrwatch models languages`'
    try:
        pairs = msgspec.json.decode(file.read_bytes(), type=dict[str, Pair])
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise AdrwatchError(f"{file} cannot be read: {error.strerror}", fix=fix) from error
    except msgspec.DecodeError as error:
        raise AdrwatchError(f"{file} is not valid: {error}", fix=fix) from error
    if wrong := [pair.name for pair in pairs.values() if not PAIR_NAME.fullmatch(pair.name)]:
        raise AdrwatchError(f"{file} names the pair {wrong[0]!r}", fix="a pair has small letters and digits")
    return pairs


def next_number(repository: Path, name: str) -> int:
    """The number of a pair's next version: one more than the last that either model has."""
    return max((number for model in Pair(name, 1).models for number in numbers(repository / model)), default=0) + 1


def write_pairs(repository: Path, pairs: Mapping[str, Pair]) -> None:
    """Replace the file: readers see the one before or this one, whole."""
    content = msgspec.json.format(msgspec.json.encode({key: pairs[key] for key in sorted(pairs)}), indent=1)
    replace_file(repository / FILE, content + b"\n")


def loaded_at_start(repository: Path) -> list[str]:
    """The models that a server loads by itself: all of the repository but those of pairs. Raises as `read_pairs`."""
    on_demand = {model for pair in read_pairs(repository).values() for model in pair.models}
    there = sorted(folder.parent.name for folder in repository.glob(f"*/{CONFIG}"))
    return [name for name in there if name not in on_demand]
