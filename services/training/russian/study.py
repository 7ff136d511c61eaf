# mypy: disable-error-code="misc"
"""Trains a Russian recogniser on four folds of reviews and scores it on the fifth; the table of many such runs."""

from __future__ import annotations

import functools
import random
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from services.training.fitting import device
from services.training.loop import Say, run
from services.training.russian.folds import Fold, Review, balanced, fold, has_reaction, reviews, units
from services.training.russian.options import RussianOptions
from services.training.russian.task import Batches, ReadUnit, RussianTask, even, mentions, network
from services.training.russian.vectors import Vectors
from services.training.russian.words import WordReader
from services.training.study import study, table
from shared.corpora.readers import AnnotatedPost, Mention
from shared.mention_scores import places
from shared.models.decode import PART, REACTION
from shared.provenance import content_hash
from shared.scores import strict, total

# Half of the reviews: what the paper calls balanced.
_HALF = 0.5


@dataclass(frozen=True)
class Trained:
    """A recogniser of one or more networks. `parts` hold their weights and what was decided."""

    options: RussianOptions
    parts: list[dict[str, Any]]


class Recognisers:
    """Trains recognisers of some types, and asks them. Words and vectors of texts are read once."""

    def __init__(self, types: tuple[str, ...]) -> None:
        self.types = types
        self._reader = WordReader()
        self._vectors = functools.cache(Vectors)
        self._read: dict[Any, ReadUnit] = {}

    def train(self, part: Fold, options: RussianOptions, out: Path, say: Say) -> Trained:
        """A network for all types, or one for each. Checkpoints stand beside `out` until the last network has learned."""
        kinds = tuple(kind for kind in options.kinds or self.types if kind != PART)
        groups = [(kind,) for kind in kinds] if options.each else [kinds]
        groups = [(*group, PART) if REACTION in group and PART in self.types else group for group in groups]
        parts = []
        for number, group in enumerate(groups):
            parts.append(self._one(part, group, options, out.with_name(f"{out.name}.{number}"), say))
        for number in range(len(groups)):
            out.with_name(f"{out.name}.{number}").unlink(missing_ok=True)
        return Trained(options, parts)

    def _one(self, part: Fold, types: tuple[str, ...], options: RussianOptions, out: Path, say: Say) -> dict[str, Any]:
        done = out.is_file() and not out.with_name(out.name + ".resume").is_file()
        if done and (kept := torch.load(out, weights_only=False))["options"] == asdict(options):
            return dict(kept)
        train = self._units(part.train, options)
        task = RussianTask(train, self._units(part.held_out, options), types, options)
        torch.manual_seed(options.seed)
        model = network(self._vectors(options.encoder).upper(options.trained), task.made, types, options)
        even(model, task.made, train)
        return run(task, model, options, out, {"types": types, "alphabet": task.made.alphabet}, say)

    def find(self, trained: Trained, wanted: Sequence[Review]) -> list[list[Mention]]:
        """What a recogniser finds in each sentence of reviews, in order."""
        options = trained.options
        read = self._units(wanted, options)
        found: list[list[Mention]] = [[] for review in wanted for _ in review.sentences]
        for one in trained.parts:
            made = Batches(one["alphabet"], options)
            model: Any = network(self._vectors(options.encoder).upper(options.trained), made, one["types"], options)
            model.load_state_dict(one["state"])
            said = mentions(model.to(device()).eval(), made, read, one["types"], one["outside_bias"])
            at = 0
            for unit, of_unit in zip(read, said, strict=True):
                for of_sentence in unit.unit.back(of_unit):
                    found[at] += of_sentence
                    at += 1
        return found

    def _units(self, wanted: Sequence[Review], options: RussianOptions) -> list[ReadUnit]:
        context = "bert" not in options.without
        cut = units(wanted, options.characters)
        keys = [(unit.post.text, options.encoder, options.trained, context) for unit in cut]
        new = {key: unit for key, unit in zip(keys, cut, strict=True) if key not in self._read}
        texts = [key[0] for key in new]
        words = [self._reader.read(text) for text in texts]
        vectors = self._vectors(options.encoder).read(texts, words, options.trained, context=context)
        for key, of_text, values in zip(new, words, vectors, strict=True):
            self._read[key] = ReadUnit(new[key], of_text, values)
        return [
            ReadUnit(unit, self._read[key].words, self._read[key].vectors) for key, unit in zip(keys, cut, strict=True)
        ]


def parted(found: Sequence[Review], options: RussianOptions) -> Fold:
    """The fold of these options, its training part balanced where they say so."""
    whole = fold(found, options.fold)
    if not options.adr_share:
        return whole
    train = balanced(whole.train, options.adr_share, options.by, random.Random(options.seed))
    return Fold(train, whole.held_out, whole.scored)


def types_of(posts: Sequence[AnnotatedPost]) -> tuple[str, ...]:
    """The types that a corpus annotates, with parts of reactions where any reaction is in fragments."""
    types = sorted({kind for post in posts for kind in post.types})
    parts = any(mention.fragments and mention.type == REACTION for post in posts for mention in post.mentions)
    return (*types, PART) if parts else tuple(types)


def scores(
    scored: Sequence[Review], found: Sequence[Sequence[Mention]], types: Sequence[str], seed: int
) -> dict[str, float]:
    """Strict scores of what was `found` in the sentences of reviews: F1 of each type and their mean, of reactions also the rest.

    Reactions also on as many reviews with as without one, which is what the paper scores when it balances.
    """
    posts = [post for review in scored for post in review.sentences]
    of_post = {id(post): mentions for post, mentions in zip(posts, found, strict=True)}

    def counts(kind: str, among: Sequence[AnnotatedPost]) -> Any:
        return total([strict(places(of_post[id(post)], kind), places(post.mentions, kind)) for post in among])

    reaction = counts(REACTION, posts)
    half = balanced(scored, _HALF, "reviews", random.Random(seed))
    halved = counts(REACTION, [post for review in half for post in review.sentences])
    result = {
        "reaction, strict F1": reaction.f1,
        "precision": reaction.precision,
        "recall": reaction.recall,
        "half of the reviews with one": halved.f1,
    }
    others = {kind: counts(kind, posts).f1 for kind in types if kind not in (REACTION, PART)}
    if others:
        result |= others | {"mean of all types": (reaction.f1 + sum(others.values())) / (1 + len(others))}
    return {name: 0.0 if value != value else value for name, value in result.items()}


def russian_study(
    posts: Sequence[AnnotatedPost],
    rows: Mapping[str, RussianOptions],
    folds: Sequence[int],
    folder: Path,
    say: Say,
) -> str:
    """Train and score each row on each fold; a Markdown table. What `folder` holds is not made again."""
    all_reviews, made = reviews(posts), Recognisers(types_of(posts))

    def make(options: RussianOptions, checkpoint: Path) -> dict[str, float]:
        part = parted(all_reviews, options)
        found = made.find(made.train(part, options, checkpoint, say), part.scored)
        sentences = [post for review in part.train for post in review.sentences]
        sizes = {"sentences": len(sentences), "with a reaction": sum(map(has_reaction, sentences))}
        return sizes | scores(part.scored, found, options.kinds or made.types, options.seed)

    content = [(post.id, post.text, [asdict(mention) for mention in post.mentions]) for post in posts]
    return table(study(rows, folds, make, content_hash(content), folder, say, vary="fold"))
