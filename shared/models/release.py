"""What is written down of a version when it is made: its files, its scores, and its answers to a few posts (canaries).

Whoever serves the version later, here or on a server, gets the same answers or knows that something is wrong.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
from numpy.typing import NDArray

from shared.errors import AdrwatchError
from shared.models.classifier import ClassifierFeatures
from shared.models.configuration import FEATURES, Features
from shared.models.features import Inputs
from shared.models.metadata import METADATA, TOKENIZER
from shared.models.repository import GRAPH, HALF_GRAPH, replace_file
from shared.models.session import OnnxModel
from shared.text.parse import Parser

RELEASE = "release.json"
NEEDED = (GRAPH, METADATA, TOKENIZER)
# Posts that we wrote: reports and others, short and longer than one window, without words, with what tokenizers trip over.
CANARY_POSTS = (
    "",
    "ok",
    "day 3 on metformin and i cannot stop throwing up",
    "this seroquel has made me so hungry, i ate the whole fridge and gained 20 pounds",
    "zoloft gave me such bad insomnia 😩 four nights without sleep",
    "no nausea at all on lexapro so far, fingers crossed",
    "new trial of rivaroxaban published today HTTPURL",
    "@USER my pharmacy opens at nine, i'll pick up the prozac then…",
    "today i walked the dog, then we had lunch in the garden with my sister and talked about her new flat. " * 12
    + "since i started lipitor i have terrible muscle pain and a headache.",
)
# How far two ways of running one graph may be apart: 8-bit kernels and GPUs add in another order, which the decisions have to bear.
PROBABILITY_TOLERANCE = 0.05
# A span of which one way is that sure must be found by the other way too.
SURE = 0.8

Infer = Callable[[Inputs], Mapping[str, NDArray[Any]]]


class Canary(msgspec.Struct, frozen=True, omit_defaults=True):
    """A post and the answer of one model: the classifier's probability, or the extractor's spans (start, end, type, score)."""

    text: str
    probability: float | None = None
    spans: tuple[tuple[int, int, str, float], ...] | None = None


class Release(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`files`: SHA-256 by name. `scores`: whatever was measured when it was made, by name."""

    exported_at: datetime
    files: dict[str, str]
    canaries: tuple[Canary, ...]
    scores: dict[str, float] = {}


def read_release(folder: Path) -> Release:
    """Of a version's folder. Raises AdrwatchError where there is none."""
    file = folder / RELEASE
    fix = "export the version again, or `adrwatch models record VERSION` if you trust its files as they are"
    try:
        return msgspec.json.decode(file.read_bytes(), type=Release)
    except OSError as error:
        raise AdrwatchError(f"{folder} has no {RELEASE}", fix=fix) from error
    except msgspec.DecodeError as error:
        raise AdrwatchError(f"{file} is not valid: {error}", fix=fix) from error


def record(folder: Path, name: str, parser: Parser, scores: Mapping[str, float] | None = None) -> Release:
    """Write down a version of the model `name` as it lies in its folder. Raises AdrwatchError where it cannot be run."""
    features, graph = FEATURES[name].load(folder), OnnxModel.of_folder(folder)
    release = Release(
        exported_at=datetime.now(UTC).replace(microsecond=0),
        files=digests(folder),
        canaries=answers(features, graph.infer, CANARY_POSTS, parser),
        scores=dict(scores or {}),
    )
    replace_file(folder / RELEASE, msgspec.json.format(msgspec.json.encode(release), indent=1) + b"\n")
    return release


def digests(folder: Path) -> dict[str, str]:
    """SHA-256 of each file that makes a version. Raises AdrwatchError where one is missing."""
    found = {}
    for name in (*NEEDED, HALF_GRAPH):
        if (folder / name).is_file():
            with (folder / name).open("rb") as file:
                found[name] = hashlib.file_digest(file, "sha256").hexdigest()
        elif name in NEEDED:
            raise AdrwatchError(f"model folder {folder} lacks {name}", fix="export the version again")
    return found


def answers(features: Features, infer: Infer, posts: Sequence[str], parser: Parser) -> tuple[Canary, ...]:
    """What the model that `infer` asks says about posts. Errors of `infer` leave this function."""
    encoded = features.encode(posts, parser.parse(posts))
    outputs = [infer(batch) for batch in encoded.batches]
    if isinstance(features, ClassifierFeatures):
        probabilities = features.probabilities(encoded, outputs).tolist()
        return tuple(Canary(post, probability=value) for post, value in zip(posts, probabilities, strict=True))
    spans = features.decode(encoded, outputs, posts)
    return tuple(
        Canary(post, spans=tuple((span.start, span.end, span.type, span.score) for span in found))
        for post, found in zip(posts, spans, strict=True)
    )


def differences(expected: Sequence[Canary], found: Sequence[Canary]) -> list[str]:
    """In which canaries the answers differ by more than two ways of running one graph may; without their text."""
    return [
        f"canary {number}: {why}"
        for number, (one, other) in enumerate(zip(expected, found, strict=True), 1)
        if (why := _difference(one, other))
    ]


def _difference(one: Canary, other: Canary) -> str:
    if one.probability is not None and other.probability is not None:
        apart = abs(one.probability - other.probability)
        return (
            f"probability {other.probability}, recorded {one.probability}" if not apart <= PROBABILITY_TOLERANCE else ""
        )
    places = [{span[:3] for span in canary.spans or ()} for canary in (one, other)]
    sure = [{span[:3] for span in canary.spans or () if span[3] >= SURE} for canary in (one, other)]
    odd = sorted((sure[0] - places[1]) | (sure[1] - places[0]))
    return f"spans differ at {', '.join(f'{start}-{end} ({kind})' for start, end, kind in odd)}" if odd else ""
