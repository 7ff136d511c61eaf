"""Scores of the screen: how many reports pass it, why the others do not, and how the advert model does on posts it never saw."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from rapidfuzz import process
from rapidfuzz.distance import OSA

from services.evaluation.reports import Report, Row, sampled
from services.pipeline.steps.screen import EMPTY, NO_DRUG, reason
from shared.assertion.flags import grave
from shared.corpora.readers import LabelledPost
from shared.resampling import Floats, estimates
from shared.screening.model import PERSON, default_model
from shared.screening.posts import LABELS, read_posts
from shared.settings import Settings
from shared.signals.rules import load_rules
from shared.text.clean import mask, model_text
from shared.vocabulary.drugs import FILE, DrugLexicon
from shared.vocabulary.table import read

_WORD = re.compile(r"[^\W\d_]{5,}")
# Edits (a swap of neighbours is one) within which a word is near a name, by its length.
_LONG, _EDITS, _EDITS_LONG = 8, 1, 2
# A word of so many posts is a word of the language and no slip.
_COMMON = 5
_NAMELESS = (EMPTY, NO_DRUG)
NEAR, UNKNOWN = "no medicine found, a word is near a listed name", "no medicine found, and nothing near one"


@dataclass(frozen=True)
class Screen:
    """The screen as the pipeline has it. `version` is the lexicon's release, `digest` tells what the advert model learned from."""

    lexicon: DrugLexicon
    designated: Collection[str]
    name: str = "screen"

    @classmethod
    def of(cls, settings: Settings, lexicon: DrugLexicon) -> Screen:
        """With the designated events of the settings' rules."""
        return cls(lexicon, load_rules(settings.rules_file).designated_names)

    @property
    def version(self) -> str:
        """Of the lexicon."""
        return self.lexicon.release

    @property
    def digest(self) -> str:
        """Of the posts that the advert model learned from."""
        return default_model().about.posts_hash

    def reason(self, text: str) -> str | None:
        """Why a post would stop, its source stating no language."""
        masked = mask(text)
        return reason(masked, self.lexicon.find(masked), None, self.designated)


def evaluate_reports(posts: Sequence[LabelledPost], name: str, screen: Screen, seed: int) -> Report:
    """The share of the reports that pass, of all and of those whose medicine is listed; losses by cause."""
    began = time.monotonic()
    reasons = [screen.reason(post.text) for post in posts]
    seconds = time.monotonic() - began
    found = list(zip(posts, reasons, strict=True))
    reports = [why for post, why in found if post.label == 1]
    listed = [why for why in reports if why not in _NAMELESS]
    serious = [why for post, why in found if post.label == 1 and grave(mask(post.text), screen.designated)]
    others = [why for post, why in found if post.label == 0]
    everyday = _everyday(post.text for post, why in found if why not in _NAMELESS)
    near = _NearNames()
    lost = [
        (_cause(post.text, why, near, everyday), position)
        for position, (post, why) in enumerate(found)
        if post.label == 1 and why is not None
    ]
    return Report.of(
        "screen",
        name,
        [(post.text, post.label) for post in posts],
        screen,
        seed,
        seconds,
        {
            "posts": len(posts),
            "reports": len(reports),
            "reports that name a listed medicine": len(listed),
            "reports that state something grave": len(serious),
        },
        [
            *shares("reports", "pass", [why is None for why in reports], seed),
            *shares("reports that name a listed medicine", "pass", [why is None for why in listed], seed),
            *shares("reports that state something grave", "pass", [why is None for why in serious], seed),
            *shares("posts without a report", "are stopped", [why is not None for why in others], seed),
            *(
                Row("posts without a report", f"are stopped as {why}", others.count(why) / len(others), None)
                for why in sorted({why for why in others if why is not None})
            ),
        ],
        notes=["Errors are reports that the screen stops, by cause."],
        errors=sampled(lost, [post.id for post in posts], seed),
    )


def evaluate_written(screen: Screen, seed: int) -> Report:
    """The whole screen, and the advert model alone, on those posts of ours that it has not learned from."""
    posts = [post for post in read_posts() if post.held_out]
    began = time.monotonic()
    reasons = {post: screen.reason(post.text) for post in posts}
    seconds = time.monotonic() - began
    model = default_model()
    alone = {post: model.kind(post.text, screen.lexicon.find(post.text)) for post in posts}
    rows: list[Row] = []
    for label in LABELS:
        of = [post for post in posts if post.label == label]
        what = "posts of people" if label == PERSON else f"posts labelled {label}"
        if label == PERSON:
            rows += shares(what, "pass", [reasons[post] is None for post in of], seed)
            rows += shares(what, "pass the model alone", [alone[post] == PERSON for post in of], seed)
        else:
            rows += shares(what, "are stopped", [reasons[post] is not None for post in of], seed)
            rows += shares(what, "are stopped by the model alone", [alone[post] != PERSON for post in of], seed)
    return Report.of(
        "screen",
        "written posts, held out",
        [(post.text, post.label) for post in posts],
        screen,
        seed,
        seconds,
        {"posts": len(posts), "templates": len({post.template for post in posts})},
        rows,
        notes=[
            "Written when all else about the model was settled, by the one author of what it learned from: adverts of other "
            "writers may be recognised less often."
        ],
    )


def shares(of: str, metric: str, hits: Sequence[bool], seed: int) -> list[Row]:
    """The share of hits with its interval; without posts none is defined."""
    if not hits:
        return [Row(of, metric, None, None)]
    values = np.asarray(hits, dtype=np.float64)

    def share(weights: Floats) -> dict[str, Floats]:
        return {metric: weights @ values / len(values)}

    found = estimates(len(values), share, seed)[metric]
    return [Row(of, metric, found.value, found.interval)]


def _cause(text: str, why: str, near: _NearNames, everyday: Collection[str]) -> str:
    if why not in _NAMELESS:
        return f"stopped as {why}"
    return NEAR if any(near.has(word) for word in _words(text) if word not in everyday) else UNKNOWN


def _words(text: str) -> set[str]:
    return set(_WORD.findall(model_text(mask(text))))


def _everyday(texts: Iterable[str]) -> set[str]:
    counts = Counter(word for text in texts for word in _words(text))
    return {word for word, count in counts.items() if count >= _COMMON}


class _NearNames:
    """Single words of the shipped lexicon that are long enough to be near something."""

    def __init__(self) -> None:
        self._names = [name for name, _, _ in read(FILE, 3)[1] if _WORD.fullmatch(name)]

    def has(self, word: str) -> bool:
        """Whether a name is within the edits that the word's length allows."""
        most = _EDITS if len(word) < _LONG else _EDITS_LONG
        return process.extractOne(word, self._names, scorer=OSA.distance, score_cutoff=most) is not None
