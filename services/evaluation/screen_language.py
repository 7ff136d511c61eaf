"""How sure the screen is of a post's language, by the length of the post and by whether its source states one."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from services.evaluation.reports import Report, Row
from services.evaluation.screen_scores import Screen, shares
from services.pipeline.steps.language import LETTERS, foreign, own_words
from shared.corpora.formats import CLASSIFICATION
from shared.corpora.readers import LabelledPost
from shared.text.clean import mask

# Letters of a post's own words, lower ends.
_LENGTHS = (1, 15, LETTERS, 60, 120)
# Corpora of posts, most of them in the language that they are named for.
_CORPORA = ("en_tweets", "fr_tweets", "ru_tweets")


@dataclass(frozen=True)
class Corpus:
    """Posts and the language of the corpus."""

    language: str
    posts: Sequence[LabelledPost]


def corpora(folder: Path) -> dict[str, Corpus]:
    """Those of the corpora that the folder holds, their dev parts."""
    forms = [CLASSIFICATION[name] for name in _CORPORA if (folder / name).is_dir()]
    return {form.name: Corpus(form.language, form.of_folder(folder / form.name)) for form in forms}


def evaluate(found: Mapping[str, Corpus], screen: Screen, seed: int) -> Report:
    """The share of posts that are called foreign, where the source states nothing and where it states the right language.

    Posts that are too short to be judged are judged here all the same: so one sees why the screen lets them go on.
    """
    began = time.monotonic()
    rows: list[Row] = []
    for name, corpus in found.items():
        lengths: dict[int, list[tuple[bool, bool]]] = {length: [] for length in _LENGTHS}
        for post in corpus.posts:
            text = mask(post.text)
            drugs = screen.lexicon.find(text)
            letters = len(own_words(text, drugs)[1])
            if letters:
                silent, stated = (foreign(text, drugs, language, fewest=1) for language in (None, corpus.language))
                lengths[max(length for length in _LENGTHS if length <= letters)].append((silent, stated))
        for length, called in lengths.items():
            of = f"{name}, from {length} letters ({len(called)} posts)"
            rows += shares(of, "foreign, language not stated", [silent for silent, _ in called], seed)
            if corpus.language != "en":
                rows += shares(of, f"foreign, {corpus.language} stated", [stated for _, stated in called], seed)
    return Report.of(
        "screen",
        "language by length",
        [(post.text, corpus.language) for corpus in found.values() for post in corpus.posts],
        screen,
        seed,
        time.monotonic() - began,
        {name: len(corpus.posts) for name, corpus in found.items()},
        rows,
        notes=[f"The screen itself judges posts from {LETTERS} letters on; the shorter ones are here to show why."],
    )
