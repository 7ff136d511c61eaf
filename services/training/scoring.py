# mypy: disable-error-code="misc"
"""What a network in PyTorch says of posts: to judge it while it is trained, or to teach a smaller one (knowledge distillation)."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer
from torch import nn

from services.training.crf import CrfExtractor
from services.training.fitting import device, tensors, trunk_of
from services.training.networks import Classifier, Extractor
from shared.errors import AdrwatchError
from shared.models.classifier import calibrated, post_logits
from shared.models.decode import TAGS, post_emissions
from shared.models.features import Encoded, FeatureBuilder
from shared.text.parse import Parser, parser_named


def load(checkpoint: Path) -> dict[str, Any]:
    """What a training run wrote. Raises AdrwatchError for any other file."""
    try:
        found = torch.load(checkpoint, map_location="cpu", weights_only=False)
    except (OSError, RuntimeError, pickle.UnpicklingError, EOFError) as error:
        raise AdrwatchError(f"{checkpoint} is no checkpoint: {error}", fix="give what `adrwatch train` wrote") from None
    if not isinstance(found, dict) or "state" not in found:
        raise AdrwatchError(
            f"{checkpoint} is no checkpoint", fix="give what `adrwatch train` wrote, not its .resume file"
        )
    return found


def network(trained: dict[str, Any]) -> tuple[nn.Module, FeatureBuilder]:
    """The network of a checkpoint with its weights, ready to be asked, and what reads posts for it."""
    trunk = trunk_of(trained)
    extractor = CrfExtractor if trained["options"].get("crf") else Extractor
    model = extractor(trunk, len(trained["types"])) if "types" in trained else Classifier(trunk)
    model.load_state_dict(trained["state"])
    return model.to(device()).eval(), FeatureBuilder(Tokenizer.from_str(trained["tokenizer"]), trained["spec"])


def logits(model: nn.Module, builder: FeatureBuilder, texts: Sequence[str], parser: Parser) -> NDArray[np.float64]:
    """A classifier's logit of each text."""
    encoded = builder.encode(texts, parser.parse(texts))
    return post_logits(encoded, _outputs(model, encoded))


def emissions(
    model: nn.Module, builder: FeatureBuilder, texts: Sequence[str], parser: Parser
) -> tuple[Encoded, list[NDArray[np.float32]]]:
    """An extractor's emissions [pieces, types * 3] of each text, and the pieces."""
    encoded = builder.encode(texts, parser.parse(texts))
    return encoded, post_emissions(encoded, _outputs(model, encoded))


def _outputs(model: nn.Module, encoded: Encoded) -> list[NDArray[np.float32]]:
    with torch.no_grad(), torch.autocast(device().type, torch.bfloat16):
        return [model(*tensors([window for _, window in rows])).float().cpu().numpy() for rows in encoded.rows]


def _teacher(trained: dict[str, Any]) -> tuple[nn.Module, FeatureBuilder]:
    """In half precision: it is asked about many posts, and its last digits matter to nobody."""
    model, builder = network(trained)
    model.trunk.encoder.to(torch.bfloat16)
    return model, builder


def taught_probabilities(teacher: Path, texts: Sequence[str]) -> NDArray[np.float64]:
    """The calibrated probability of each text by the classifier in `teacher`. Raises AdrwatchError for another checkpoint."""
    trained = load(teacher)
    if "types" in trained:
        raise AdrwatchError(
            f"{teacher} is an extractor", fix="give a checkpoint of `adrwatch train classify` as teacher"
        )
    return calibrated(
        logits(*_teacher(trained), texts, parser_named(trained["parser"])), trained["temperature"], trained["bias"]
    )


def taught_tags(
    teacher: Path, texts: Sequence[str], types: Sequence[str], starts: Sequence[NDArray[np.int64]]
) -> list[NDArray[np.float16]]:
    """Probabilities [pieces, types, 3] of the tags by the extractor in `teacher`; zeros where it does not know.

    `starts`: for each text, where the pieces begin that want to be told. A teacher with other word pieces tells of the words
    that begin at the same characters.
    """
    trained = load(teacher)
    if trained.get("types") is None or not set(trained["types"]) >= set(types):
        raise AdrwatchError(
            f"{teacher} is no extractor of all types wanted: {', '.join(types)}",
            fix="give a checkpoint of `adrwatch train extract` as teacher",
        )
    encoded, found = emissions(*_teacher(trained), texts, parser_named(trained["parser"]))
    columns = [trained["types"].index(name) for name in types]
    told = []
    for wanted, pieces, of_post in zip(starts, encoded.pieces, found, strict=True):
        words = np.flatnonzero(pieces.word_starts)
        scores = of_post[words].reshape(len(words), -1, TAGS)[:, columns]
        scores = np.exp(scores - scores.max(axis=2, keepdims=True))
        tags = np.zeros((len(wanted), len(types), TAGS), dtype=np.float16)
        _, here, there = np.intersect1d(wanted, pieces.starts[words], return_indices=True)
        tags[here] = (scores / scores.sum(axis=2, keepdims=True))[there]
        told.append(tags)
    return told
