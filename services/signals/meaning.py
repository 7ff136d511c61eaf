"""What names of drugs and reactions stand for, so that sources that spell them otherwise mean the same."""

from __future__ import annotations

import re

from shared.settings import Settings
from shared.vocabulary.drugs import default_lexicon
from shared.vocabulary.normaliser import ReactionNormaliser
from shared.vocabulary.phrases import normal_form

_DIGIT = re.compile(r"\d")


class Meanings:
    """Names by adrwatch's lexicon and by the reactions' vocabulary of the settings; only whole names are looked up."""

    def __init__(self, settings: Settings) -> None:
        self._drugs = default_lexicon()
        self._reactions = dict(ReactionNormaliser.load(settings).vocabulary.phrases())

    def __call__(self, kind: str, written: str) -> str:
        """The label of a drug or a reaction (`kind`); a name that is unknown stands for itself, in small letters."""
        plain = as_written(kind, written).lower()
        if kind == "drug":
            concept = self._drugs.concept(plain)
        else:
            # Normal forms have no digits, and a vitamin B6 is no B12.
            concept = None if _DIGIT.search(plain) else self._reactions.get(normal_form(written))
        return plain if concept is None else concept.label


def as_written(kind: str, written: str) -> str:
    """Every name stands for itself."""
    return " ".join(written.split())
