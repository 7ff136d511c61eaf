"""Trains the extractor: BIO emissions per type over the three levels, on corpora that annotate different types."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from services.training.fitting import (
    Optimiser,
    build_trunk,
    continue_from,
    feature_spec,
    load_tokenizer,
    readings,
    shuffled_batches,
    tensors,
)
from services.training.networks import Extractor, Sizes
from shared.corpora.readers import AnnotatedPost
from shared.corpora.splits import TYPES, Split
from shared.models.decode import BEGIN, INSIDE, OUTSIDE, post_emissions, spans_of_posts
from shared.models.features import FeatureBuilder, Pieces, Window
from shared.scores import overlapping, strict, total
from shared.text.parse import default_parser

# Label of a piece whose tag is unknown: it begins no word, or its corpus does not annotate the type.
IGNORED = -100
# Weights that are already close need smaller steps.
_CONTINUED = 0.7
_BIASES = (-1.0, -0.5, 0.0, 0.5, 1.0)


def tags_of(post: AnnotatedPost, pieces: Pieces, types: Sequence[str]) -> NDArray[np.int64]:
    """Tags [pieces, types]: the first piece of each word carries its word's tag, all else is `IGNORED`."""
    tags = np.full((len(pieces.starts), len(types)), IGNORED, dtype=np.int64)
    words = np.flatnonzero(pieces.word_starts)
    ends = np.append(pieces.starts[words][1:], 1 << 40)
    for column, name in enumerate(types):
        if name not in post.types:
            continue
        tags[words, column] = OUTSIDE
        for mention in sorted((m for m in post.mentions if m.type == name), key=lambda m: (m.start, -m.end)):
            inside = words[(pieces.starts[words] < mention.end) & (ends > mention.start)]
            # A word that starts before the mention belongs to it only if it also reaches into it.
            inside = inside[pieces.ends[_last_pieces(inside, pieces)] > mention.start]
            if len(inside) and (tags[inside, column] == OUTSIDE).all():
                tags[inside, column] = INSIDE
                tags[inside[0], column] = BEGIN
    return tags


def train(
    corpora: dict[str, Split[AnnotatedPost]],
    encoder: str,
    out: Path,
    *,
    epochs: int,
    seed: int,
    start: Path | None = None,
    freeze: int = 0,
    say: Callable[[str], None],
) -> dict[str, Any]:
    """Train, choose the epoch and the outside biases on the held-out posts, write `out` (a torch file); its content.

    `start`: an earlier run to go on from. `freeze`: layers of the encoder that stay.
    """
    torch.manual_seed(seed)
    generator = random.Random(seed)
    parser = default_parser()
    spec = feature_spec(parser)
    builder = FeatureBuilder(load_tokenizer(encoder), spec)
    posts = [post for split in corpora.values() for post in split.train]
    examples: list[tuple[Window, Tensor]] = []
    for post, reading in zip(posts, readings(builder, parser, [post.text for post in posts]), strict=True):
        tags = tags_of(post, reading.pieces, TYPES)
        examples.extend((w, torch.from_numpy(tags[w.first : w.first + w.pieces])) for w in reading.windows)
    sizes = Sizes(labels=len(spec.labels))
    model = Extractor(build_trunk(encoder, sizes, freeze=freeze), sizes.hidden, len(TYPES))
    if start is not None:
        continue_from(model, start)
    lengths = [window.pieces + 2 for window, _ in examples]
    steps = epochs * sum(1 for _ in shuffled_batches(lengths, 1024, random.Random(seed)))
    optimiser = Optimiser(model, steps, scale=_CONTINUED if start else 1.0)
    best: dict[str, Any] = {"score": -1.0}
    for epoch in range(epochs):
        model.train()
        began, losses = time.monotonic(), []
        for batch in shuffled_batches(lengths, 1024, generator):
            with torch.autocast("cpu", torch.bfloat16):
                emissions = model(*tensors([examples[index][0] for index in batch]))
            loss = tag_loss(emissions.float(), [examples[index][1] for index in batch])
            optimiser.step(loss)
            losses.append(loss.item())
            if len(losses) % 50 == 0:
                say(f"extract epoch {epoch} step {len(losses)} loss {np.mean(losses[-50:]):.4f}")
        chosen = optimiser.averaged()
        biases, score, report = choose_biases(chosen, builder, corpora)
        say(f"extract epoch {epoch} {time.monotonic() - began:.0f}s held-out {score:.4f} {report}")
        if score > best["score"]:
            best = {
                "score": score,
                "state": chosen.state_dict(),
                "sizes": sizes,
                "spec": spec,
                "encoder": encoder,
                "types": TYPES,
                "outside_bias": biases,
                "parser": parser.version,
                "seed": seed,
            }
            torch.save(best, out)
    return best


def tag_loss(emissions: Tensor, tags: Sequence[Tensor]) -> Tensor:
    """Mean cross entropy over the known tags; emissions [rows, pieces, 3 * types] have [CLS] first."""
    rows, size, width = emissions.shape
    target = torch.full((rows, size, width // 3), IGNORED)
    for row, of_window in enumerate(tags):
        target[row, 1 : len(of_window) + 1] = of_window
    return functional.cross_entropy(emissions.reshape(-1, 3), target.reshape(-1), ignore_index=IGNORED)


def choose_biases(
    model: nn.Module, builder: FeatureBuilder, corpora: dict[str, Split[AnnotatedPost]]
) -> tuple[list[float], float, dict[str, float]]:
    """Per type the outside bias of best strict F1 on the held-out posts; the mean F1 over the corpora's reactions."""
    posts = [post for split in corpora.values() for post in split.held_out]
    names = [name for name, split in corpora.items() for _ in split.held_out]
    texts = [post.text for post in posts]
    encoded = builder.encode(texts, default_parser().parse(texts))
    outputs = []
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        for rows in encoded.rows:
            outputs.append(model(*tensors([window for _, window in rows])).float().numpy())
    emissions = post_emissions(encoded, outputs)
    found = {bias: spans_of_posts(encoded.pieces, emissions, texts, TYPES, [bias] * len(TYPES)) for bias in _BIASES}

    def score(kind: str, bias: float, corpus: str | None = None, by: Callable[..., Any] = strict) -> float:
        counts = [
            by(
                [(s.start, s.end) for s in spans if s.type == kind],
                [(m.start, m.end) for m in post.mentions if m.type == kind],
            )
            for post, spans, name in zip(posts, found[bias], names, strict=True)
            if kind in post.types and corpus in (None, name)
        ]
        return float(np.nan_to_num(total(counts).f1))

    biases = {kind: max(_BIASES, key=lambda bias: (score(kind, bias), -abs(bias))) for kind in TYPES}
    report = {f"{kind}{biases[kind]:+.1f}": round(score(kind, biases[kind]), 3) for kind in TYPES}
    for name in corpora:
        report[name] = round(score("reaction", biases["reaction"], name), 3)
        report[f"{name}~"] = round(score("reaction", biases["reaction"], name, overlapping), 3)
    return [biases[kind] for kind in TYPES], float(np.mean([report[name] for name in corpora])), report


def _last_pieces(words: NDArray[np.int64], pieces: Pieces) -> NDArray[np.int64]:
    """For the first piece of each word, its last one."""
    begins = np.append(np.flatnonzero(pieces.word_starts), len(pieces.starts))
    return begins[np.searchsorted(begins, words, side="right")] - 1
