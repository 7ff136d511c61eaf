"""Scores a served model on labelled posts through onnxruntime, as the pipeline would; needs no torch."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import astuple
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.evaluation.following import batches
from services.evaluation.reports import Confusion, Report, Row, Versioned, sampled
from shared.corpora.readers import AnnotatedPost, LabelledPost, Mention
from shared.errors import AdrwatchError
from shared.mention_scores import (
    NONE,
    Pairing,
    confusion,
    discontinuous,
    overlapping,
    pairings,
    places,
)
from shared.models import classifier, extractor
from shared.models.classifier import BALANCED, ClassifierFeatures
from shared.models.extractor import ExtractorFeatures
from shared.models.features import Encoded
from shared.models.metadata import check_parser
from shared.models.repository import version_folder
from shared.models.session import OnnxModel
from shared.ranking_scores import calibration, calibration_curve, precision_recall_curve, ranking
from shared.resampling import Estimate, count_scores, estimates, together
from shared.scores import Counts, strict, total
from shared.text.parse import parser_named

# Posts parsed and scored at a time: bounds memory, large enough for full batches.
_CHUNK = 512
STRICT, OVERLAPPING = "strict", "overlapping"
# Of all types together, and of the discontinuous mentions of all types.
MICRO, DISCONTINUOUS = "all types", "discontinuous"


def served_classifier(folder: Path, policy: str = BALANCED, language: str = "") -> tuple[ClassifierFeatures, OnnxModel]:
    """The classifier of a version's or a model's folder, in a language that it may have a calibration of its own for."""
    # The active version is looked up once: features and graph are of one.
    folder = version_folder(folder)
    features = ClassifierFeatures.load(folder, policy, _name(folder, classifier.NAME)).in_language(language)
    check_parser(features.metadata, parser_named(features.metadata.parser).version)
    return features, OnnxModel.of_folder(folder)


def served_extractor(folder: Path) -> tuple[ExtractorFeatures, OnnxModel]:
    """The extractor of a version's or a model's folder."""
    folder = version_folder(folder)
    features = ExtractorFeatures.load(folder, _name(folder, extractor.NAME))
    check_parser(features.metadata, parser_named(features.metadata.parser).version)
    return features, OnnxModel.of_folder(folder)


def _name(folder: Path, english: str) -> str:
    """What the model in a folder is called: one of other languages ends with the name of its pair."""
    whole = folder.resolve()
    name = whole.parent.name if whole.name.isdecimal() else whole.name
    return name if name.startswith(f"{english}_") else english


def evaluate_classifier(
    posts: Sequence[LabelledPost], name: str, folder: Path, seed: int, policy: str = BALANCED, language: str = ""
) -> Report:
    """Precision, recall, F1 of the positive class, AUROC, average precision, Brier score, calibration error; with intervals.

    At the threshold of `policy` alone: the pipeline lets grave posts pass from a lower one (services.pipeline.steps.classify).
    """
    features, model = served_classifier(folder, policy, language)
    parser = parser_named(features.metadata.parser)
    began = time.monotonic()
    parts = []
    for texts in batches([post.text for post in posts], _CHUNK, name):
        encoded = features.encode(texts, parser.parse(texts))
        parts.append(features.probabilities(encoded, _outputs(model, encoded)))
    seconds = time.monotonic() - began
    probabilities = np.concatenate(parts)
    labels = np.asarray([post.label for post in posts], dtype=np.int64)
    chosen = probabilities >= features.threshold
    hits = chosen & (labels == 1)
    scores = together(
        [
            count_scores(np.stack([hits, hits, chosen, labels == 1], axis=1).astype(np.int64)),
            ranking(labels, probabilities),
            calibration(labels, probabilities),
        ]
    )
    kinds = {(True, 0): "false positive", (False, 1): "false negative"}
    wrong = [
        (kinds[bool(said), label], position)
        for position, (said, label) in enumerate(zip(chosen, labels.tolist(), strict=True))
        if (bool(said), label) in kinds
    ]
    return Report.of(
        "classify",
        name,
        [(post.text, post.label) for post in posts],
        features.metadata,
        seed,
        seconds,
        {"posts": len(posts), "positive": int(labels.sum()), f"threshold of {policy}": features.threshold},
        rows("posts", estimates(len(posts), scores, seed)),
        errors=sampled(wrong, [post.id for post in posts], seed),
        precision_recall=precision_recall_curve(labels, probabilities),
        calibration=[
            (each.probability, each.observed, each.posts) for each in calibration_curve(labels, probabilities)
        ],
    )


def evaluate_extractor(posts: Sequence[AnnotatedPost], name: str, folder: Path, seed: int) -> Report:
    """Precision, recall, F1 of each annotated type and of all together, strict and overlapping, with intervals over posts.

    Mentions are whole. A post counts for the types that its corpus annotates; what is predicted of other types is left out.
    """
    features, model = served_extractor(folder)
    types = [kind for kind in features.metadata.types if any(kind in post.types for post in posts)]
    if not types:
        annotated = sorted({kind for post in posts for kind in post.types})
        raise AdrwatchError(
            f"{name} annotates {', '.join(annotated)}; {features.metadata.name} finds none of these",
            fix=f"give a corpus that annotates {', '.join(features.metadata.types)}",
        )
    parser = parser_named(features.metadata.parser)
    began = time.monotonic()
    found: list[list[Mention]] = []
    for texts in batches([post.text for post in posts], _CHUNK, name):
        encoded = features.encode(texts, parser.parse(texts))
        spans = features.decode(encoded, _outputs(model, encoded), texts)
        found.extend(
            [Mention(span.start, span.end, span.type, span.fragments) for span in of_post] for of_post in spans
        )
    seconds = time.monotonic() - began
    return extraction_report(posts, found, types, name, features.metadata, seed, seconds)


def extraction_report(
    posts: Sequence[AnnotatedPost],
    found: Sequence[Sequence[Mention]],
    types: Sequence[str],
    name: str,
    scored: Versioned,
    seed: int,
    seconds: float,
) -> Report:
    """The report on mentions that `scored` found in each of the posts."""
    sizes: dict[str, float] = {"posts": len(posts)}
    lines: list[Row] = []
    for (of, match), counts in _tables(posts, found, types).items():
        table = np.asarray([astuple(each) for each in counts], dtype=np.int64)
        sizes[f"{of} mentions"] = int(table[:, 3].sum())
        if of == DISCONTINUOUS and not sizes[f"{of} mentions"]:
            continue
        made = rows(of, estimates(len(posts), count_scores(table, f"{match} "), seed))
        # Most spans that do not overlap a discontinuous mention are right about something else.
        lines += [row for row in made if (of, match) != (DISCONTINUOUS, OVERLAPPING) or row.metric.endswith("recall")]
    pairs: list[list[Pairing]] = []
    for post, mentions in zip(posts, found, strict=True):
        counted = frozenset(types) & post.types
        gold = list(dict.fromkeys(mention for mention in post.mentions if mention.type in counted))
        pairs.append(pairings([mention for mention in mentions if mention.type in counted], gold))
    order = [*types, MICRO, DISCONTINUOUS]
    wrong = [(kind, position) for position, each in enumerate(pairs) for kind in _errors(each)]
    content = [(post.text, sorted((m.type, m.places) for m in post.mentions)) for post in posts]
    return Report.of(
        "extract",
        name,
        content,
        scored,
        seed,
        seconds,
        sizes,
        sorted(lines, key=lambda row: order.index(row.of)),
        errors=sampled(wrong, [post.id for post in posts], seed),
        confusion=Confusion([*types, NONE], confusion((pair for each in pairs for pair in each), types)),
    )


def _tables(
    posts: Sequence[AnnotatedPost], found: Sequence[Sequence[Mention]], types: Sequence[str]
) -> dict[tuple[str, str], list[Counts]]:
    """Counts of each post, by what is counted (a type, all types, discontinuous mentions) and how it is compared."""
    tables: dict[tuple[str, str], list[Counts]] = {}
    apart: dict[str, list[list[Counts]]] = {STRICT: [], OVERLAPPING: []}
    for kind in types:
        sides = [
            (places(mentions, kind), places(post.mentions, kind)) if kind in post.types else ([], [])
            for post, mentions in zip(posts, found, strict=True)
        ]
        tables[kind, STRICT] = [strict(ours, gold) for ours, gold in sides]
        tables[kind, OVERLAPPING] = [overlapping(ours, gold) for ours, gold in sides]
        apart[STRICT].append([strict(discontinuous(ours), discontinuous(gold)) for ours, gold in sides])
        apart[OVERLAPPING].append([overlapping(ours, discontinuous(gold)) for ours, gold in sides])
    for match in (STRICT, OVERLAPPING):
        if len(types) > 1:
            tables[MICRO, match] = [total(each) for each in zip(*(tables[kind, match] for kind in types), strict=True)]
        tables[DISCONTINUOUS, match] = [total(each) for each in zip(*apart[match], strict=True)]
    return tables


def rows(of: str, scores: Mapping[str, Estimate]) -> list[Row]:
    """A row of each score."""
    return [Row(of, metric, estimate.value, estimate.interval) for metric, estimate in scores.items()]


def _outputs(model: OnnxModel, encoded: Encoded) -> list[dict[str, NDArray[Any]]]:
    """The model's outputs for each batch, on all cores: a graph keeps to one thread."""
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as threads:
        return list(threads.map(model.infer, encoded.batches))


def _errors(pairs: Sequence[Pairing]) -> Iterator[str]:
    """The kind of each pairing that is not exact."""
    for pair in pairs:
        gold, predicted = pair.types
        if NONE in (gold, predicted):
            yield f"{gold} missed" if predicted == NONE else f"{predicted} too many"
        elif gold != predicted:
            yield f"{gold} taken for {predicted}"
        elif pair.gold and pair.predicted and pair.gold.places != pair.predicted.places:
            yield f"{gold} with other boundaries"
