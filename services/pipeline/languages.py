"""What posts of other languages than English are read with: the models of their pair, and the vocabularies of the language."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from services.pipeline.steps.normalise import Vocabularies
from shared.errors import AdrwatchError
from shared.models.classifier import ClassifierFeatures
from shared.models.extractor import ExtractorFeatures
from shared.models.languages import Pair, read_pairs
from shared.models.metadata import Metadata, check_parser
from shared.settings import Settings
from shared.text.parse import Parser, parser_named
from shared.vocabulary.languages import ENGLISH, reactions_in
from shared.vocabulary.normaliser import ReactionNormaliser


@dataclass(frozen=True)
class Route:
    """The way of posts of one language. `number`: the version of both models in the repository."""

    classifier: ClassifierFeatures
    extractor: ExtractorFeatures
    parser: Parser
    vocabularies: Vocabularies
    number: int

    @property
    def metadata(self) -> tuple[Metadata, Metadata]:
        """The classifier's and the extractor's."""
        return self.classifier.metadata, self.extractor.metadata


def languages(settings: Settings) -> tuple[str, ...]:
    """The languages besides English that the settings ask for, each once."""
    return tuple(dict.fromkeys(code for code in settings.languages.split(",") if code != ENGLISH))


def routes(settings: Settings, vocabularies: Vocabularies, normaliser: ReactionNormaliser) -> dict[str, Route]:
    """The way of each language that the settings ask for. Raises AdrwatchError where one has no models, or they do not fit."""
    wanted = languages(settings)
    pairs = read_pairs(settings.model_repository) if wanted else {}
    if lacking := [language for language in wanted if language not in pairs]:
        raise AdrwatchError(
            f"ADRWATCH_LANGUAGES asks for {', '.join(lacking)}, for which {settings.model_repository} has no models",
            fix="take it out, or say which models read it: `adrwatch models languages --help`",
        )
    load = functools.cache(lambda pair: _loaded(settings.model_repository, pair, settings.policy))
    found = {}
    for language in wanted:
        classifying, extracting, parser = load(pairs[language])
        spoken = replace(vocabularies, reactions=reactions_in(language, normaliser))
        found[language] = Route(classifying.in_language(language), extracting, parser, spoken, pairs[language].version)
    return found


def numbers(found: Mapping[str, Route]) -> dict[str, int]:
    """The version of each model by its name in Triton."""
    return {metadata.name: route.number for route in found.values() for metadata in route.metadata}


def _loaded(repository: Path, pair: Pair, policy: str) -> tuple[ClassifierFeatures, ExtractorFeatures, Parser]:
    classifying, extracting = pair.load(repository, policy)
    parser = parser_named(classifying.metadata.parser)
    for metadata in (classifying.metadata, extracting.metadata):
        check_parser(metadata, parser.version)
    return classifying, extracting, parser
