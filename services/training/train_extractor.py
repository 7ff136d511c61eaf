"""Trains the extractor: BIO emissions per type over the levels, on corpora that annotate different types."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from services.training.biases import best_biases
from services.training.crf import CrfExtractor
from services.training.fitting import (
    begun,
    device,
    even,
    feature_builder,
    parser_of,
    readings,
    shuffled_batches,
    tensors,
)
from services.training.loop import Judged, Say, run
from services.training.networks import Extractor
from services.training.options import Options
from services.training.scoring import emissions, taught_tags
from shared.corpora.readers import AnnotatedPost
from shared.corpora.splits import TYPES, Split
from shared.models.decode import BEGIN, INSIDE, OUTSIDE, PART, REACTION, TAGS
from shared.models.features import FeatureBuilder, Pieces
from shared.text.parse import Parser

# Label of a piece whose tag is unknown: it begins no word, or its corpus does not annotate the type.
IGNORED = -100
_PIECES_A_BATCH = 1024


def tags_of(post: AnnotatedPost, pieces: Pieces, types: Sequence[str]) -> NDArray[np.int64]:
    """Tags [pieces, types]: the first piece of each word carries its word's tag, all else is `IGNORED`.

    The fragments of a discontinuous reaction stand in the column of parts, those of other types in the column of their type.
    """
    tags = np.full((len(pieces.starts), len(types)), IGNORED, dtype=np.int64)
    words = np.flatnonzero(pieces.word_starts)
    ends = np.append(pieces.starts[words][1:], 1 << 40)
    for column, name in enumerate(types):
        kind = REACTION if name == PART else name
        if kind not in post.types:
            continue
        tags[words, column] = OUTSIDE
        for start, end in sorted(_places(post, name), key=lambda place: (place[0], -place[1])):
            inside = words[(pieces.starts[words] < end) & (ends > start)]
            # A word that starts before the mention belongs to it only if it also reaches into it.
            inside = inside[pieces.ends[_last_pieces(inside, pieces)] > start]
            if len(inside) and (tags[inside, column] == OUTSIDE).all():
                tags[inside, column] = INSIDE
                tags[inside[0], column] = BEGIN
    return tags


def _places(post: AnnotatedPost, name: str) -> list[tuple[int, int]]:
    if name == PART:
        return [place for m in post.mentions if m.type == REACTION and m.fragments for place in m.fragments]
    whole = name == REACTION
    return [place for m in post.mentions if m.type == name and not (whole and m.fragments) for place in m.places]


class ExtractorTask:
    """Annotated posts of several corpora; a type counts where a corpus annotates it."""

    name = "extract"

    def __init__(
        self,
        corpora: dict[str, Split[AnnotatedPost]],
        unlabelled: Sequence[str],
        builder: FeatureBuilder,
        options: Options,
    ) -> None:
        self._corpora = corpora
        self._builder = builder
        self._parser = parser_of(options)
        posts = [post for split in corpora.values() for post in split.train]
        if options.adr_share:
            posts = balanced(posts, options.adr_share, random.Random(options.seed))
        self.posts, self.with_reaction = len(posts), sum(map(_has_reaction, posts))
        posts += [AnnotatedPost(text, (), frozenset()) for text in unlabelled]
        texts = [post.text for post in posts]
        read = readings(builder, self._parser, texts)
        targets = [targets_of(post, reading.pieces, TYPES) for post, reading in zip(posts, read, strict=True)]
        if options.teacher:
            told = taught_tags(Path(options.teacher), texts, TYPES, [reading.pieces.starts for reading in read])
            # Of a type that no post is annotated with, a teacher of the same corpora knows nothing either.
            annotated = np.any([known.any(axis=(0, 2)) for known in targets], axis=0)[None, :, None]
            targets = [
                blended(known, says * annotated, options.teacher_share)
                for known, says in zip(targets, told, strict=True)
            ]
        self.examples = [
            (window, torch.from_numpy(target[window.first : window.first + window.pieces]))
            for reading, target in zip(read, targets, strict=True)
            for window in reading.windows
        ]

    def batches(self, epoch: int, epochs: int, generator: random.Random) -> list[list[int]]:
        """All examples."""
        return list(shuffled_batches([w.pieces + 2 for w, _ in self.examples], _PIECES_A_BATCH, generator))

    def loss(self, model: nn.Module, batch: Sequence[int]) -> Tensor:
        """Cross entropy over the known tags, or over the chains of tags."""
        inputs = tensors([self.examples[index][0] for index in batch])
        with torch.autocast(device().type, torch.bfloat16):
            said = model(*inputs).float()
        targets = _padded([self.examples[index][1] for index in batch], said)
        return (
            model.chain_loss(said, inputs[1], targets) if isinstance(model, CrfExtractor) else tag_loss(said, targets)
        )

    def judge(self, model: nn.Module) -> Judged:
        """Mean over the corpora of the strict F1 of reactions on held-out posts; the outside bias of each type."""
        biases, score, report = choose_biases(model, self._builder, self._corpora, self._parser)
        return Judged(score, {"outside_bias": biases}, str(report))


def prepare(corpora: dict[str, Split[AnnotatedPost]], unlabelled: Sequence[str], options: Options) -> ExtractorTask:
    """Read all posts, as runs with these options want them. `unlabelled`: posts whose tags only the teacher says."""
    return ExtractorTask(corpora, unlabelled, feature_builder(options), options)


def train(task: ExtractorTask, options: Options, out: Path, say: Say) -> dict[str, Any]:
    """Train, choose the epoch and the outside biases on the held-out posts, write `out` (a torch file); its content."""
    kind = CrfExtractor if options.crf else Extractor
    model, content = begun(options, lambda trunk: kind(trunk, len(TYPES)))
    even(model.trunk, [window for window, _ in task.examples])
    return run(task, model, options, out, {**content, "types": TYPES}, say)


def balanced(posts: Sequence[AnnotatedPost], share: float, generator: random.Random) -> list[AnnotatedPost]:
    """As many posts as there can be of which `share` have a reaction (corpus balancing, Applied Sciences 12(1), 491, 2022).

    Posts of which nobody said whether they have one are left out.
    """
    groups: dict[bool, list[AnnotatedPost]] = {True: [], False: []}
    for post in posts:
        if REACTION not in post.types:
            continue
        groups[_has_reaction(post)].append(post)
    size = min(len(groups[True]) / share, len(groups[False]) / (1 - share))
    return [
        *generator.sample(groups[True], int(size * share)),
        *generator.sample(groups[False], int(size * (1 - share))),
    ]


def targets_of(post: AnnotatedPost, pieces: Pieces, types: Sequence[str]) -> NDArray[np.float16]:
    """The tags of `tags_of` as probabilities [pieces, types, 3], zeros where a tag is unknown."""
    known: NDArray[np.float16] = (tags_of(post, pieces, types)[:, :, None] == np.arange(TAGS)).astype(np.float16)
    return known


def blended(known: NDArray[np.float16], told: NDArray[np.float16], share: float) -> NDArray[np.float16]:
    """What is known, mixed with a `share` of what a teacher tells; where only one of the two says something, that one."""
    both = known.any(axis=2, keepdims=True) & told.any(axis=2, keepdims=True)
    weight = np.where(both, np.float16(share), np.float16(0))
    mixed: NDArray[np.float16] = known * (1 - weight) + told * np.where(both, weight, np.float16(1))
    return mixed


def _has_reaction(post: AnnotatedPost) -> bool:
    return any(mention.type == REACTION for mention in post.mentions)


def tag_loss(emissions: Tensor, targets: Tensor, types: Sequence[str] = TYPES) -> Tensor:
    """Weighted mean cross entropy over the known tags; emissions [rows, pieces, 3 * types], targets [rows, pieces, types, 3].

    At each piece the reaction weighs as much as all other known types together: a sentence of a case report is annotated with
    nine types, a tweet with two or three, and unweighted the reports would decide.
    """
    known = targets.any(dim=3).float()
    others = known * torch.tensor([name != REACTION for name in types], device=targets.device)
    weights = known - others + others / others.sum(dim=2, keepdim=True).clamp(min=1)
    losses = -(targets * functional.log_softmax(emissions.reshape(targets.shape), dim=3)).sum(dim=3)
    return (losses * weights).sum() / weights.sum().clamp(min=1)


def _padded(targets: Sequence[Tensor], emissions: Tensor) -> Tensor:
    """The targets of windows as one tensor that goes with the emissions, which have [CLS] first."""
    rows, size, width = emissions.shape
    wanted = torch.zeros((rows, size, width // TAGS, TAGS))
    for row, of_window in enumerate(targets):
        wanted[row, 1 : len(of_window) + 1] = of_window
    return wanted.to(emissions.device)


def choose_biases(
    model: nn.Module, builder: FeatureBuilder, corpora: dict[str, Split[AnnotatedPost]], parser: Parser
) -> tuple[list[float], float, dict[str, float]]:
    """Per type the outside bias of best strict F1 on the held-out posts, and that F1 of reactions, a mean over the corpora."""
    posts = [post for split in corpora.values() for post in split.held_out]
    names = [name for name, split in corpora.items() for _ in split.held_out]
    encoded, said = emissions(model, builder, [post.text for post in posts], parser)
    chosen = best_biases(posts, names, encoded.pieces, said, TYPES)
    report = chosen.report | {name: round(value, 3) for name, value in chosen.by_corpus[REACTION].items()}
    return chosen.biases, chosen.scores[REACTION], report


def _last_pieces(words: NDArray[np.int64], pieces: Pieces) -> NDArray[np.int64]:
    """For the first piece of each word, its last one."""
    begins = np.append(np.flatnonzero(pieces.word_starts), len(pieces.starts))
    return begins[np.searchsorted(begins, words, side="right")] - 1
