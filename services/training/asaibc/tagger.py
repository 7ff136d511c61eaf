# mypy: disable-error-code="misc"
"""A trained ASAIBC network that finds entities in texts, and its scores."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from services.training.asaibc import encoder as pretrained
from services.training.asaibc.fit import network, reader
from services.training.asaibc.posts import mentions_of
from services.training.asaibc.reading import batch
from services.training.asaibc.settings import Settings
from services.training.loop import Say
from services.training.scoring import load
from shared.corpora.readers import AnnotatedPost, Mention
from shared.errors import AdrwatchError
from shared.mention_scores import places
from shared.scores import Counts, strict, total

_TEXTS_A_BATCH = 32


def silent(_: str) -> None:
    """Says nothing."""


class Tagger:
    """Finds the mentions of a checkpoint's types."""

    def __init__(
        self, trained: dict[str, Any], encoder: str | None, cache: Path | None = None, say: Say = silent
    ) -> None:
        """`encoder`: the folder of the encoder that it was trained on. Raises AdrwatchError where it is missing or another."""
        settings = Settings(**{**trained["asaibc"], "parts": tuple(trained["asaibc"]["parts"])})
        known = pretrained.name_of(encoder) if encoder else ""
        if known.split(" ")[-1] != settings.encoder.split(" ")[-1]:
            raise AdrwatchError(
                f"the model reads {settings.encoder or 'no encoder'}, not {known or 'none'}",
                fix="give the encoder that it was trained on" if settings.encoder else "leave out the encoder",
            )
        self.encoder = settings.encoder
        self.tags: tuple[str, ...] = tuple(trained["tags"])
        self._reader = reader(settings, trained["alphabet"], encoder, cache, say)
        table = torch.zeros_like(trained["state"]["inputs.characters.weight"])
        self._model = network(settings, table, self.tags, encoder)
        self._model.load_state_dict(trained["state"])
        self._model.eval()

    @property
    def types(self) -> list[str]:
        """What it finds."""
        return sorted({name[2:] for name in self.tags if "-" in name})

    def find(self, texts: Sequence[str]) -> list[list[Mention]]:
        """The mentions of each text, in order."""
        there = [at for at, text in enumerate(texts) if text]
        examples = self._reader.read([texts[at] for at in there])
        order = sorted(range(len(there)), key=lambda at: len(examples[at].characters))
        found: list[list[Mention]] = [[] for _ in texts]
        with torch.no_grad():
            for start in range(0, len(order), _TEXTS_A_BATCH):
                group = order[start : start + _TEXTS_A_BATCH]
                for at, tags in zip(group, self._model.best(batch([examples[at] for at in group])), strict=True):
                    found[there[at]] = mentions_of(tags, self.tags)
        return found


def opened(checkpoint: Path, encoder: str | None) -> Tagger:
    """The tagger of a file that `adrwatch train chinese` wrote. Raises AdrwatchError for another file."""
    trained = load(checkpoint)
    if "asaibc" not in trained:
        raise AdrwatchError(
            f"{checkpoint} is no model of Chinese entities", fix="give what `adrwatch train chinese` wrote"
        )
    return Tagger(trained, encoder)


def scores(found: Sequence[Sequence[Mention]], posts: Sequence[AnnotatedPost]) -> dict[str, float]:
    """Strict precision, recall and F1 over all mentions; F1 of names and of nominal mentions where the corpus parts them."""
    counts: dict[str, list[Counts]] = {}
    for ours, post in zip(found, posts, strict=True):
        for kind in post.types:
            counts.setdefault(kind, []).append(strict(places(ours, kind), places(post.mentions, kind)))
    whole = total([one for each in counts.values() for one in each])
    made = {"precision": whole.precision, "recall": whole.recall, "F1": whole.f1}
    for ending, name in ((".NAM", "F1 of names"), (".NOM", "F1 of nominals")):
        if parted := [one for kind, each in counts.items() if kind.endswith(ending) for one in each]:
            made[name] = total(parted).f1
    return {name: float(np.nan_to_num(value)) for name, value in made.items()}
