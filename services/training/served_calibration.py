"""Calibrates the classifier as it is served: its 8-bit graph in onnxruntime, on the held-out months. Needs no torch."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np

from services.training.calibration import Calibration, calibration
from shared.corpora.readers import LabelledPost
from shared.models import classifier
from shared.models.classifier import ClassifierFeatures, post_logits
from shared.models.configuration import FEATURES, write_configuration
from shared.models.metadata import METADATA, check_parser
from shared.models.release import record
from shared.models.repository import GRAPH, locked, read_active, replace_file
from shared.models.session import OnnxModel
from shared.text.parse import default_parser

_CHUNK = 512


def calibrate(repository: Path, number: int, version: str, posts: Sequence[LabelledPost]) -> Calibration:
    """Fit on `posts` and write it into the classifier of version `number`, which is called `version` from then on.

    No server may be serving that version: its decisions change.
    """
    folder = repository / classifier.NAME / str(number)
    found = calibration(_logits(folder, posts), np.asarray([post.label for post in posts]))
    with locked(repository):
        metadata = ClassifierFeatures.load(folder).metadata
        changed = msgspec.structs.replace(
            metadata, version=version, temperature=found.temperature, bias=found.bias, policies=found.policies
        )
        replace_file(folder / METADATA, msgspec.json.format(msgspec.json.encode(changed), indent=1) + b"\n")
        record(folder, classifier.NAME, default_parser())
        if number == read_active(repository).version:
            features = FEATURES[classifier.NAME].load(folder)
            write_configuration(repository / classifier.NAME, {number: features})
    return found


def _logits(folder: Path, posts: Sequence[LabelledPost]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    features, model = ClassifierFeatures.load(folder), OnnxModel(folder / GRAPH)
    check_parser(features.metadata, default_parser().version)
    texts = [post.text for post in posts]
    parts = []
    for start in range(0, len(texts), _CHUNK):
        chunk = texts[start : start + _CHUNK]
        encoded = features.encode(chunk, default_parser().parse(chunk))
        parts.append(post_logits(encoded, [model.infer(batch)[classifier.OUTPUT] for batch in encoded.batches]))
    return np.concatenate(parts)
