"""Scores a served model on labelled posts through onnxruntime, as the pipeline would; needs no torch."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from services.evaluation.reports import Report, Row
from shared.corpora.readers import AnnotatedPost, LabelledPost
from shared.models.classifier import ClassifierFeatures
from shared.models.decode import Span
from shared.models.extractor import ExtractorFeatures
from shared.models.metadata import check_parser
from shared.models.session import OnnxModel
from shared.scores import (
    Counts,
    auroc,
    average_precision,
    bootstrap,
    brier,
    decisions,
    overlapping,
    strict,
    total,
)
from shared.text.parse import default_parser

# Posts parsed and scored at a time: bounds memory, large enough for full batches.
_CHUNK = 512


def evaluate_classifier(posts: Sequence[LabelledPost], name: str, folder: Path, seed: int) -> Report:
    """Precision, recall, F1 of the positive class, AUROC, average precision, Brier score, with 95 % intervals."""
    features, model = ClassifierFeatures.load(folder), OnnxModel.of_folder(folder)
    parser = default_parser()
    check_parser(features.metadata, parser.version)
    began = time.monotonic()
    parts = []
    for texts in _chunks([post.text for post in posts]):
        encoded = features.encode(texts, parser.parse(texts))
        parts.append(features.probabilities(encoded, [model.infer(batch) for batch in encoded.batches]))
    seconds = time.monotonic() - began
    scores = np.concatenate(parts)
    labels = np.asarray([post.label for post in posts], dtype=np.int64)
    chosen = scores >= features.threshold

    def row(metric: str, score: Callable[[Any], float]) -> Row:
        everything = np.arange(len(posts))
        return Row("posts", metric, round(score(everything), 4), bootstrap(len(posts), score, seed))

    rows = [
        row("precision", lambda index: decisions(labels[index], chosen[index]).precision),
        row("recall", lambda index: decisions(labels[index], chosen[index]).recall),
        row("f1", lambda index: decisions(labels[index], chosen[index]).f1),
        row("auroc", lambda index: auroc(labels[index], scores[index])),
        row("average precision", lambda index: average_precision(labels[index], scores[index])),
        row("brier", lambda index: brier(labels[index], scores[index])),
    ]
    sizes = {"posts": len(posts), "positive": int(labels.sum()), "threshold": features.threshold}
    content = [(post.text, post.label) for post in posts]
    return Report.of("classify", name, content, features.metadata, seed, seconds, sizes, rows)


def evaluate_extractor(posts: Sequence[AnnotatedPost], name: str, folder: Path, seed: int) -> Report:
    """Precision, recall, F1 of each annotated type, strict and overlapping, with 95 % intervals of F1 over posts."""
    features, model = ExtractorFeatures.load(folder), OnnxModel.of_folder(folder)
    parser = default_parser()
    check_parser(features.metadata, parser.version)
    began = time.monotonic()
    found: list[list[Span]] = []
    for texts in _chunks([post.text for post in posts]):
        encoded = features.encode(texts, parser.parse(texts))
        found.extend(features.decode(encoded, [model.infer(batch) for batch in encoded.batches], texts))
    seconds = time.monotonic() - began
    rows: list[Row] = []
    sizes: dict[str, float] = {"posts": len(posts)}
    for kind in features.metadata.types:
        annotated = [(post, spans) for post, spans in zip(posts, found, strict=True) if kind in post.types]
        if not annotated:
            continue
        for label, compare in (("strict", strict), ("overlapping", overlapping)):
            counts = [
                compare(
                    [(span.start, span.end) for span in spans if span.type == kind],
                    [(mention.start, mention.end) for mention in post.mentions if mention.type == kind],
                )
                for post, spans in annotated
            ]
            rows.extend(_span_rows(kind, label, counts, seed))
            sizes[f"{kind} spans"] = total(counts).gold
    content = [(post.text, sorted((m.start, m.end, m.type) for m in post.mentions)) for post in posts]
    return Report.of("extract", name, content, features.metadata, seed, seconds, sizes, rows)


def _span_rows(kind: str, label: str, counts: list[Counts], seed: int) -> Iterator[Row]:
    everything = total(counts)
    table = np.asarray([(c.hits, c.found, c.predicted, c.gold) for c in counts])

    def f1(index: Any) -> float:
        return Counts(*(int(value) for value in table[index].sum(axis=0))).f1

    yield Row(kind, f"{label} precision", round(everything.precision, 4), None)
    yield Row(kind, f"{label} recall", round(everything.recall, 4), None)
    yield Row(kind, f"{label} f1", round(everything.f1, 4), bootstrap(len(counts), f1, seed))


def _chunks(texts: list[str]) -> Iterator[list[str]]:
    for start in range(0, len(texts), _CHUNK):
        yield texts[start : start + _CHUNK]
