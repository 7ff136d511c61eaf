"""Names reactions by the vocabulary in force: the open one, or the user's MedDRA; with a trained normaliser where one is set.

The order: the phrase as it stands; what a trained normaliser is sure of; stems, spelling and part of the cascade; a known
phrase that is near enough; else `unmapped`.
"""

from __future__ import annotations

import functools

from shared.errors import AdrwatchError
from shared.events import Concept
from shared.settings import Settings
from shared.vocabulary import reactions as open_reactions
from shared.vocabulary.candidates import Candidate
from shared.vocabulary.meddra import Bridge, MedDra
from shared.vocabulary.phrases import normal_form
from shared.vocabulary.rank import Ranker, Weights
from shared.vocabulary.reactions import Match, ReactionVocabulary, default_vocabulary
from shared.vocabulary.table import read
from shared.vocabulary.trained import TrainedNormaliser

# Of the open vocabulary's ranks: labels, lay and exact synonyms, SYMP. Not our own lay phrases, nor loose synonyms.
_SYNONYMS = range(1, 5)
_CACHED = 16_384


class ReactionNormaliser:
    """Finds the concept of a reaction. `meddra` and `bridge` are set where the user's dictionary is in force."""

    def __init__(
        self,
        vocabulary: ReactionVocabulary,
        ranker: Ranker,
        trained: TrainedNormaliser | None = None,
        meddra: MedDra | None = None,
        bridge: Bridge | None = None,
    ) -> None:
        self.vocabulary = vocabulary
        self.ranker = ranker
        self.trained = trained
        self.meddra = meddra
        self.bridge = bridge
        self._cached = functools.lru_cache(maxsize=_CACHED)(self._match)

    @classmethod
    def open(cls) -> ReactionNormaliser:
        """By the vocabulary that adrwatch ships with."""
        vocabulary = default_vocabulary()
        return cls(vocabulary, Ranker(vocabulary.phrases(), Weights.load()))

    @classmethod
    def load(cls, settings: Settings) -> ReactionNormaliser:
        """By the settings `meddra_folder`, `meddra_version`, `normaliser`. Raises AdrwatchError where they do not fit."""
        if settings.meddra_folder is None and settings.meddra_version is not None:
            raise AdrwatchError(
                "ADRWATCH_MEDDRA_VERSION is set without a folder", fix="set ADRWATCH_MEDDRA_FOLDER too, or unset it"
            )
        folder, version = settings.meddra_folder, settings.meddra_version
        normaliser = cls.open() if folder is None else cls.of_meddra(MedDra.load(folder, version))
        if settings.normaliser is not None:
            normaliser.learn(TrainedNormaliser.load(settings.normaliser, default_vocabulary()))
        return normaliser

    @classmethod
    def of_meddra(cls, meddra: MedDra) -> ReactionNormaliser:
        """By MedDRA's names, and by the open vocabulary's phrases for terms that both have."""
        _, rows = read(open_reactions.FILE, 4)
        bridge = Bridge(
            meddra, [(phrase, Concept(key, label), int(rank)) for phrase, key, label, rank in rows], _SYNONYMS
        )
        vocabulary = ReactionVocabulary([*meddra.rows(), *bridge.rows()], f"MedDRA {meddra.version}")
        return cls(vocabulary, Ranker(vocabulary.phrases(), Weights.load()), None, meddra, bridge)

    def learn(self, trained: TrainedNormaliser) -> None:
        """Use a trained normaliser from now on. Raises AdrwatchError where its concepts are not of this vocabulary."""
        trained.resolve(self.concept)
        self.trained = trained
        self._cached.cache_clear()

    def concept(self, key: str) -> Concept | None:
        """The concept of an id, such as `HP:0002018` or `MedDRA:` with a code; None where the vocabulary in force has none."""
        return self.meddra.concept(key) if self.meddra else self.vocabulary.concept(key)

    def match(self, phrase: str) -> Match:
        """The preferred concept of a reaction as written and how it was found; `unmapped` where none is sure."""
        return self._cached(normal_form(phrase))

    def candidates(self, phrase: str, limit: int = 5) -> list[Candidate]:
        """What a phrase may mean, for a person to choose: the trained normaliser's proposals, then near known phrases."""
        proposed = self.trained.candidates(phrase, limit) if self.trained else []
        found = {candidate.concept.id: candidate for candidate in self.ranker.candidates(phrase, limit)}
        for candidate in proposed:
            if candidate.concept.id not in found or candidate.score > found[candidate.concept.id].score:
                found[candidate.concept.id] = candidate
        return sorted(found.values(), key=lambda one: (-one.score, one.concept.id))[:limit]

    def designated(self, ids: frozenset[str]) -> frozenset[str]:
        """Ids of designated events, with those of the preferred terms that mean the same."""
        joined = (self.bridge[key] for key in ids) if self.bridge else ()
        return ids | {concept.id for concept in joined if concept}

    def _match(self, phrase: str) -> Match:
        found = self.vocabulary.match(phrase)
        if found.how == "phrase":
            return found
        if self.trained and (learned := self.trained.sure(phrase)):
            return Match(learned.concept, "trained")
        if found.how == "none" and (near := self.ranker.sure(phrase)):
            return Match(near.concept, "ranked")
        return found
