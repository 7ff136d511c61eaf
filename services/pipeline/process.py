"""The way of a post through the steps, from posts to messages. Knows no topic and no server: `infer` is given.

The live worker and everything that runs in process (tests, evaluation) call this one function.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from services.pipeline.drift import Watch
from services.pipeline.languages import Route, numbers, routes
from services.pipeline.steps.ask import Infer, at_once
from services.pipeline.steps.attribute import DRUG, attribute
from services.pipeline.steps.classify import classify
from services.pipeline.steps.document import Document, Failure
from services.pipeline.steps.extract import extract
from services.pipeline.steps.fill_in import fill_in
from services.pipeline.steps.normalise import Reported, Vocabularies, normalise
from services.pipeline.steps.screen import screen
from shared.events import Post
from shared.models import classifier, extractor
from shared.models.classifier import ClassifierFeatures
from shared.models.decode import REACTION
from shared.models.decode import Span as TypedSpan
from shared.models.extractor import ExtractorFeatures
from shared.models.metadata import Metadata, check_parser
from shared.models.repository import read_active
from shared.screening.model import default_model
from shared.settings import Settings
from shared.signals.rules import load_rules
from shared.text.parse import Parser, default_parser
from shared.text.sketch import sketch_key
from shared.vocabulary.atc import lexicon
from shared.vocabulary.drugs import DrugLexicon
from shared.vocabulary.languages import ENGLISH, LanguageReactions, drugs_in_any
from shared.vocabulary.normaliser import ReactionNormaliser
from shared.vocabulary.terms import ReactionTerms, default_terms

# Posts whose features are built without a break: enough to fill requests, and few beside a micro-batch.
_TOGETHER = 32
# Turns of the event loop after which a request is on its way: the call is a task, and so is its sending.
_TURNS = 4
# Its source names no language, so that one has to be found.
_MOMENT = datetime(2026, 1, 1, tzinfo=UTC)
_FIRST = Post(
    id="first",
    source="first",
    text="Zoloft gives my brother an odd wobbliness in both ears when he gets up",
    created_at=_MOMENT,
    ingested_at=_MOMENT,
)


class Models(Protocol):
    """What posts of one language are read with: `Tools` for English, a `Route` for any other."""

    @property
    def classifier(self) -> ClassifierFeatures:
        """Of the classifier."""

    @property
    def extractor(self) -> ExtractorFeatures:
        """Of the extractor."""

    @property
    def parser(self) -> Parser:
        """Whose parses both read."""

    @property
    def vocabularies(self) -> Vocabularies:
        """What reactions are named by."""

    @property
    def metadata(self) -> tuple[Metadata, Metadata]:
        """The classifier's and the extractor's."""


@dataclass(frozen=True)
class Tools:
    """What the steps work with. `number`: the version of both models in the repository; `sketch_key`: of reports' sketches;
    `watch`: what is told of posts that were done; `others`: what posts of languages besides English are read with.
    """

    classifier: ClassifierFeatures
    extractor: ExtractorFeatures
    parser: Parser
    lexicon: DrugLexicon
    terms: ReactionTerms
    vocabularies: Vocabularies
    number: int
    sketch_key: bytes = field(repr=False)
    watch: Watch = field(repr=False, compare=False)
    gated: bool = True
    others: Mapping[str, Route] = field(default_factory=dict)

    @classmethod
    def load(cls, settings: Settings) -> Tools:
        """From the model repository (its active version), the vocabularies and the rule file.

        Raises AdrwatchError where they do not fit.
        """
        # Read now: a file that is broken would make a dead letter of every post.
        default_model()
        rules = load_rules(settings.rules_file)
        reactions = ReactionNormaliser.load(settings)
        number = read_active(settings.model_repository).version
        classifying, extracting = _features(settings.model_repository, number, settings.policy)
        vocabularies = Vocabularies(reactions, reactions.designated(rules.designated_ids), rules.designated_names)
        tools = cls(
            classifying,
            extracting,
            default_parser(),
            lexicon(settings),
            default_terms(),
            vocabularies,
            number,
            sketch_key(settings),
            _watch(settings.model_repository, number, classifying, settings.drift_window),
            settings.gated,
            routes(settings, vocabularies, reactions),
        )
        tools._check()
        return tools

    def with_version(self, repository: Path, number: int) -> Tools:
        """The same with another version of the models. Raises AdrwatchError where its files do not fit."""
        classifying, extracting = _features(repository, number, self.classifier.policy)
        watch = _watch(repository, number, classifying, self.watch.window)
        tools = replace(self, classifier=classifying, extractor=extracting, number=number, watch=watch)
        tools._check()
        return tools

    def warm(self) -> None:
        """Load what is loaded at the first post that needs it, which takes seconds, so that no post waits for it."""
        document = Document(_FIRST, positive=True, probability=1.0)
        screen([document], self.lexicon)
        if self.others:
            drugs_in_any(tuple(self.others), self.lexicon)
        drug, reaction = (re.search(words, _FIRST.text) for words in ("Zoloft", "odd wobbliness"))
        document.spans = [
            TypedSpan(*found.span(), kind, 1.0) for found, kind in ((drug, DRUG), (reaction, REACTION)) if found
        ]
        normalise(attribute([document])[0], self.vocabularies, self.model_version, self.sketch_key)
        self.vocabularies.reactions.match("snorfy wobblegrump")

    def _check(self) -> None:
        for metadata in self.metadata:
            check_parser(metadata, self.parser.version)

    @property
    def metadata(self) -> tuple[Metadata, Metadata]:
        """The classifier's and the extractor's."""
        return self.classifier.metadata, self.extractor.metadata

    @property
    def model_version(self) -> str:
        """Both models' versions and, where there is one, that of the team's own drug list: as outcomes and mentions carry them."""
        return self.version_of(self)

    def version_of(self, models: Models) -> str:
        """The same of the models of another language."""
        name = "+".join(metadata.version for metadata in models.metadata)
        return f"{name}+drugs.{self.lexicon.own}" if self.lexicon.own else name

    def of(self, language: str | None) -> Models:
        """What posts of a language are read with: those that stop before it is known are English."""
        return self.others.get(language or ENGLISH, self)

    @property
    def numbers(self) -> dict[str, int]:
        """The version of every model by its name in the repository and in Triton."""
        return dict.fromkeys((classifier.NAME, extractor.NAME), self.number) | numbers(self.others)


def _features(repository: Path, number: int, policy: str) -> tuple[ClassifierFeatures, ExtractorFeatures]:
    folder = str(number)
    return (
        ClassifierFeatures.load(repository / classifier.NAME / folder, policy),
        ExtractorFeatures.load(repository / extractor.NAME / folder),
    )


def _watch(repository: Path, number: int, features: ClassifierFeatures, window: int) -> Watch:
    return Watch.of(repository / classifier.NAME / str(number), features, window)


async def process(posts: Sequence[Post], tools: Tools, infer: Infer) -> tuple[list[Reported], list[Failure]]:
    """Messages of each post, and the posts that a step could not treat. Errors of `infer` leave this function.

    A post's messages depend on that post alone, not on the others of its batch. Without `tools.gated` the models are asked
    about every post; what is reported stays the same, and the outcomes of screened posts tell their probability.
    """
    designated = tools.vocabularies.designated_names
    documents, failed = screen([Document(post) for post in posts], tools.lexicon, designated, tuple(tools.others))
    for language in (ENGLISH, *tools.others):
        of_language = [document for document in documents if (document.language or ENGLISH) == language]
        await _ask_models(of_language, tools.of(language), infer, tools.gated, designated)
    documents, unfilled = fill_in(documents, tools.terms, tools.vocabularies.designated_names)
    documents, unattributed = attribute(documents)
    reported, unnamed = _named(documents, tools)
    tools.watch.note([document for document in documents if document.language not in tools.others])
    return reported, failed + unfilled + unattributed + unnamed


def _named(documents: Sequence[Document], tools: Tools) -> tuple[list[Reported], list[Failure]]:
    """Messages in the order of the documents, each by the vocabularies of its language."""
    reported: list[Reported] = []
    failed: list[Failure] = []
    for language, some in itertools.groupby(documents, key=lambda document: document.language):
        models = tools.of(language)
        done, left = normalise(list(some), models.vocabularies, tools.version_of(models), tools.sketch_key)
        reported += done
        failed += left
    return reported, failed


async def _ask_models(
    documents: Sequence[Document], models: Models, infer: Infer, gated: bool, designated: Collection[str]
) -> None:
    """Set what the models say of the documents. While they answer for some posts, the features of the next are built."""
    asked = [document for document in documents if document.screened is None or not gated]
    # A request holds rows of one length.
    asked.sort(key=lambda document: len(document.post.text))

    async def ask(some: Sequence[Document]) -> None:
        await classify(some, models.classifier, models.parser, infer, gated=gated, designated=designated)

    parts = (asked[start : start + _TOGETHER] for start in range(0, len(asked), _TOGETHER))
    await at_once((ask(part) for part in parts), turns=_TURNS)
    # Those that report are few: in one go, for decoding spans costs as much for one post as for a batch.
    reactions = models.vocabularies.reactions
    widened = reactions.widened if isinstance(reactions, LanguageReactions) else None
    await extract(asked, models.extractor, models.parser, infer, gated=gated, widened=widened)
