"""What decides how good the models are: each level of the classifier, and the recogniser's share of posts with a reaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from services.training import train_classifier, train_extractor
from services.training.options import Options
from services.training.scoring import logits, network
from services.training.study import Say, study, table
from shared.corpora.readers import AnnotatedPost, LabelledPost
from shared.corpora.splits import Split
from shared.models.classifier import calibrated
from shared.provenance import content_hash
from shared.scores import auroc, average_precision, decisions
from shared.text.parse import parser_named

# The systems of Frontiers in Economics and Management 2(3), 2021, by the levels that they lack.
LEVELS: dict[str, tuple[str, ...]] = {
    "CNN": ("words", "pairs", "classes", "lstm"),
    "BiLSTM": ("characters", "pairs", "classes", "bert"),
    "CNN-BiLSTM": ("pairs", "classes", "bert"),
    "BERT": ("characters", "pairs", "classes", "lstm"),
    "BERT + characters": ("pairs", "classes"),
    "BERT + syntax": ("characters", "classes"),
    "all three levels": ("classes",),
    "all three and word classes": (),
}
# Model A of Applied Sciences 12(1), 491, 2022, and the way to Model B.
RECOGNISERS: dict[str, Options] = {
    "BiLSTM-CRF (Model A)": Options(without=("bert", "pairs", "classes"), crf=True),
    "BiLSTM": Options(without=("bert", "pairs", "classes")),
    "BERT": Options(without=("characters", "pairs", "classes")),
    "BERT + characters + syntax": Options(without=("classes",)),
    "all levels and word classes (Model B)": Options(),
}
# The shares of Applied Sciences 12(1), 491, 2022; 0: the posts as they come.
SHARES = {"as they come": 0.0, "22 %": 0.22, "35 %": 0.35, "50 %": 0.5}


def ablate(
    tweets: Split[LabelledPost],
    forum: Split[LabelledPost],
    options: Options,
    seeds: Sequence[int],
    variants: Sequence[str],
    folder: Path,
    say: Say,
) -> str:
    """Train the classifier without some of its levels; a Markdown table of its scores.

    F1, AUROC and average precision are those on the half of the held-out posts that did not choose epoch and threshold.
    """
    choosing = replace(tweets, held_out=tweets.held_out[::2])
    scoring = tweets.held_out[1::2]
    gold = np.asarray([post.label for post in scoring])
    tasks: dict[bool, train_classifier.ClassifierTask] = {}

    def make(chosen: Options, checkpoint: Path) -> dict[str, float]:
        # Posts are read once for all variants that read the same of them.
        classes = "classes" in chosen.without
        if classes not in tasks:
            tasks[classes] = train_classifier.prepare(choosing, forum, [], chosen)
        best = train_classifier.train(tasks[classes], chosen, checkpoint, say)
        said = logits(*network(best), [post.text for post in scoring], parser_named(best["parser"]))
        probabilities = calibrated(said, best["temperature"], best["bias"])
        return {
            "F1": decisions(gold, probabilities >= best["policies"]["balanced"]).f1,
            "AUROC": auroc(gold, probabilities),
            "AP": average_precision(gold, probabilities),
        }

    data = content_hash([(post.text, post.label) for post in (*tweets.train, *tweets.held_out, *forum.train)])
    chosen = {name: replace(options, without=LEVELS[name]) for name in variants}
    return table(study(chosen, seeds, make, data, folder, say))


def balance(
    tweets: Split[AnnotatedPost], options: Options, seeds: Sequence[int], shares: Sequence[str], folder: Path, say: Say
) -> str:
    """Train the extractor on tweets of which some share has a reaction; a Markdown table of its scores."""
    chosen = {name: replace(options, adr_share=SHARES[name]) for name in shares}
    return _recognise(tweets, chosen, seeds, folder, say)


def recognisers(
    tweets: Split[AnnotatedPost],
    options: Options,
    seeds: Sequence[int],
    variants: Sequence[str],
    folder: Path,
    say: Say,
) -> str:
    """Train the extractor with more and more levels, and with chains of tags; a Markdown table of its scores."""
    kinds = {name: RECOGNISERS[name] for name in variants}
    chosen = {name: replace(options, without=kind.without, crf=kind.crf) for name, kind in kinds.items()}
    return _recognise(tweets, chosen, seeds, folder, say)


def _recognise(
    tweets: Split[AnnotatedPost], variants: Mapping[str, Options], seeds: Sequence[int], folder: Path, say: Say
) -> str:
    """The strict F1 of reactions on held-out tweets as they come; epoch and outside bias are chosen on the same tweets."""

    def make(chosen: Options, checkpoint: Path) -> dict[str, float]:
        task = train_extractor.prepare({"tweets": tweets}, [], chosen)
        best: dict[str, Any] = train_extractor.train(task, chosen, checkpoint, say)
        return {"posts": task.posts, "with a reaction": task.with_reaction, "reaction, strict F1": best["score"]}

    posts = [(post.text, [asdict(mention) for mention in post.mentions]) for post in (*tweets.train, *tweets.held_out)]
    return table(study(variants, seeds, make, content_hash(posts), folder, say))
