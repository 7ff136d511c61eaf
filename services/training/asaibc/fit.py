# mypy: disable-error-code="misc"
"""Trains one ASAIBC network: a fixed number of epochs, averaged weights; nothing is chosen on the posts that are scored."""

from __future__ import annotations

import random
import time
from dataclasses import asdict
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from services.training.asaibc import encoder as pretrained
from services.training.asaibc.instances import weights
from services.training.asaibc.network import Asaibc
from services.training.asaibc.posts import Corpus, cuts_of, tags_of
from services.training.asaibc.reading import Example, Reader, batch, frozen, layers_read, tags
from services.training.asaibc.settings import Settings
from services.training.asaibc.vectors import characters, vectors
from services.training.asaibc.words import tagged
from services.training.fitting import Optimiser, device, shuffled_batches
from services.training.loop import Say
from shared.errors import AdrwatchError


class Material:
    """A corpus as networks read it. What several runs need is made once."""

    def __init__(self, corpus: Corpus, encoder: str | None, cache: Path | None, say: Say) -> None:
        """`encoder`: its folder. `cache`: a folder in which its states are kept."""
        self.corpus, self.encoder, self._cache, self._say = corpus, encoder, cache, say
        self._texts = [post.text for post in corpus.train]
        self.alphabet = characters([*self._texts, *("".join(words) for words in corpus.source)])
        self._made: dict[Any, Any] = {}

    def examples(self, settings: Settings) -> list[Example]:
        """Of the training posts."""
        key = ("train", settings.words, settings.mixed, settings.tuned)
        made: list[Example] = self._once(key, lambda: self.reader(settings).read(self._texts))
        return made

    def source(self, settings: Settings) -> tuple[list[Example], list[tuple[str, ...]], np.ndarray]:
        """Sentences of the source task that are kept, as examples and words, and their weights with a mean of 1."""
        key = (settings.alpha, settings.threshold, settings.source)
        kept, weight = self._once(("kept", *key), lambda: self._kept(settings))
        texts = ["".join(words) for words in kept]
        made = self._once(
            ("source", *key, settings.words, settings.mixed, settings.tuned), lambda: self.reader(settings).read(texts)
        )
        return made, kept, weight

    def table(self, settings: Settings) -> torch.Tensor:
        """Vectors of the characters."""
        texts = [*self._texts, *("".join(words) for words in self.corpus.source)]
        key = ("vectors", settings.vectors, settings.seed)
        return torch.from_numpy(self._once(key, lambda: vectors(texts, self.alphabet, settings.vectors, settings.seed)))

    def reader(self, settings: Settings) -> Reader:
        """What reads texts for a network with these settings."""
        return reader(settings, self.alphabet, self.encoder, self._cache, self._say)

    def _once(self, key: Any, make: Any) -> Any:
        if key not in self._made:
            self._made[key] = make()
        return self._made[key]

    def _kept(self, settings: Settings) -> tuple[list[tuple[str, ...]], np.ndarray]:
        entities = [post.text[m.start : m.end] for post in self.corpus.train for m in post.mentions]
        found = weights(self.corpus.source, entities, tagged, settings.alpha, settings.threshold)
        above = np.flatnonzero(found)
        if not len(above):
            raise AdrwatchError(
                f"no source sentence is as similar as {settings.threshold}", fix="give a lower --threshold"
            )
        chosen = sorted(random.Random(0).sample(above.tolist(), min(settings.source, len(above))))
        self._say(f"source: {len(above):,} of {len(found):,} sentences are similar enough, {len(chosen):,} are read")
        return [self.corpus.source[at] for at in chosen], found[chosen] / found[chosen].mean()


def reader(settings: Settings, alphabet: str, encoder: str | None, cache: Path | None, say: Say) -> Reader:
    """What reads texts for a network with these settings; `encoder` is the folder of the encoder that they name."""
    return Reader(settings, alphabet, frozen(settings, encoder, cache, say) if encoder else None)


def network(settings: Settings, table: torch.Tensor, names: tuple[str, ...], encoder: str | None) -> Asaibc:
    """A network that knows nothing yet but the vectors of characters and the encoder."""
    torch.manual_seed(settings.seed)
    width, layers = pretrained.shape(encoder) if encoder else (0, 0)
    upper = pretrained.Upper(encoder, settings.tuned) if encoder and settings.tuned else None
    mixed = len(layers_read(settings, layers)) if encoder else 0
    made: Asaibc = Asaibc(settings, table, names, width, mixed, upper).to(device())
    return made


def fit(material: Material, settings: Settings, say: Say) -> dict[str, Any]:
    """Train; what a checkpoint holds. Raises AdrwatchError where the loss is no number."""
    corpus, examples = material.corpus, material.examples(settings)
    taught = [tags_of(post, corpus.tags) for post in corpus.train]
    sources, words, weight = material.source(settings) if settings.transfers else ([], [], np.zeros(0))
    cuts = [cuts_of(each) for each in words]
    model = network(settings, material.table(settings), corpus.tags, material.encoder)
    generator = random.Random(settings.seed)

    def plan(of: list[Example]) -> list[list[int]]:
        return list(shuffled_batches([len(each.characters) for each in of], settings.characters, generator))

    plans = [plan(examples) for _ in range(settings.epochs)]
    rates = {name: settings.tuned_rate if ".upper." in name else settings.rate for name, _ in model.named_parameters()}
    # No part computes in half precision: all are small.
    optimiser = Optimiser(model, nn.Module(), rates, sum(map(len, plans)))
    others = cycle(each for _ in range(settings.epochs) for each in plan(sources)) if sources else None
    for epoch, batches in enumerate(plans):
        model.train()
        began, total = time.monotonic(), 0.0
        for chosen in batches:
            loss = model.loss(batch([examples[at] for at in chosen]), tags([taught[at] for at in chosen]))
            if others is not None:
                beside = next(others)
                weighed = torch.tensor(weight[beside], dtype=torch.float32, device=device())
                loss = loss + model.source_loss(
                    batch([sources[at] for at in beside]), tags([cuts[at] for at in beside]), weighed
                )
            optimiser.step(loss)
            total += loss.item()
        if not np.isfinite(total):
            raise AdrwatchError(f"the loss of epoch {epoch} is no number", fix="give a smaller --rate")
        say(f"epoch {epoch} {time.monotonic() - began:.0f} s loss {total / len(batches):.4f}")
    state = {name: value.cpu() for name, value in optimiser.averaged().state_dict().items()}
    return {
        "asaibc": asdict(settings),
        "corpus": corpus.name,
        "tags": corpus.tags,
        "alphabet": material.alphabet,
        "state": state,
    }
