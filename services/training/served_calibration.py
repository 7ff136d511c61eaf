"""Calibrates the classifier as it is served: its 8-bit graph in onnxruntime, on the held-out months. Needs no torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from services.training.calibration import calibration
from shared.corpora.readers import LabelledPost
from shared.models import classifier
from shared.models.classifier import ClassifierFeatures, post_logits
from shared.models.configuration import FEATURES, write_configuration
from shared.models.languages import Pair
from shared.models.metadata import METADATA, Calibration, Metadata, check_parser
from shared.models.release import record
from shared.models.repository import GRAPH, locked, read_active, replace_file
from shared.models.session import OnnxModel
from shared.text.parse import default_parser, parser_named

_CHUNK = 512
# With fewer reports among its held-out posts a language takes the calibration of all together.
FEWEST_REPORTS = 10


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


def calibrate_pair(
    repository: Path,
    pair: str,
    number: int,
    version: str,
    posts: Mapping[str, Sequence[LabelledPost]],
    parts: Path | None = None,
) -> dict[str, Any]:
    """Fit on posts of each language and on all together, and write it into the classifier of a pair; `parts`: there too.

    `parts` is what the pair was composed of. No server may be serving the pair: its decisions change.
    """
    name = Pair(pair, number).models[0]
    folder = repository / name / str(number)
    every = [post for of_language in posts.values() for post in of_language]
    said = _logits(folder, every, name)
    gold = np.asarray([post.label for post in every], dtype=np.int64)
    found = by_language(said, gold, np.asarray([language for language, own in posts.items() for _ in own]))
    own = {language: Calibration(**values) for language, values in found["by_language"].items()}
    changed = {**found, "by_language": own, "version": version}
    with locked(repository):
        for place in filter(None, (folder, parts and parts / classifier.NAME)):
            metadata = msgspec.json.decode((place / METADATA).read_bytes(), type=Metadata)
            new = msgspec.structs.replace(metadata, **changed)
            replace_file(place / METADATA, msgspec.json.format(msgspec.json.encode(new), indent=1) + b"\n")
    return found


def by_language(logits: NDArray[np.float64], gold: NDArray[np.int64], spoken: NDArray[np.str_]) -> dict[str, Any]:
    """Calibration and thresholds of all posts together, and under `by_language` those of each language with enough reports."""
    found = {
        name: msgspec.structs.asdict(calibration(logits[spoken == name], gold[spoken == name]))
        for name in sorted(set(spoken.tolist()))
        if gold[spoken == name].sum() >= FEWEST_REPORTS
    }
    return {**msgspec.structs.asdict(calibration(logits, gold)), "by_language": found}


def _logits(folder: Path, posts: Sequence[LabelledPost], name: str = classifier.NAME) -> NDArray[np.float64]:
    features, model = ClassifierFeatures.load(folder, name=name), OnnxModel(folder / GRAPH)
    parser = parser_named(features.metadata.parser)
    check_parser(features.metadata, parser.version)
    texts = [post.text for post in posts]
    parts = []
    for start in range(0, len(texts), _CHUNK):
        chunk = texts[start : start + _CHUNK]
        encoded = features.encode(chunk, parser.parse(chunk))
        parts.append(post_logits(encoded, [model.infer(batch)[classifier.OUTPUT] for batch in encoded.batches]))
    return np.concatenate(parts)
