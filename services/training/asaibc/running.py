"""One ASAIBC network from corpus to scores, and the study of its rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import torch

from services.training.asaibc.fit import Material, fit
from services.training.asaibc.posts import Corpus
from services.training.asaibc.settings import BASE, Settings
from services.training.asaibc.tagger import Tagger, scores
from services.training.study import Say, study, table
from shared.provenance import content_hash

_PACKAGES = ("adrwatch", "torch", "transformers", "tokenizers", "numpy", "gensim", "rjieba")


def one(
    corpus: Corpus, settings: Settings, encoder: str | None, cache: Path | None, out: Path, say: Say
) -> dict[str, float]:
    """Train with the settings, write the checkpoint, and score it on the corpus's posts for that."""
    return _made(Material(corpus, encoder, cache, say), settings, encoder, cache, out, say)


def rows(
    corpus: Corpus,
    variants: Mapping[str, Settings],
    seeds: Sequence[int],
    encoder: str | None,
    cache: Path | None,
    folder: Path,
    say: Say,
) -> str:
    """Train each variant with each seed; a Markdown table of their scores and gains. Results are kept in `folder`."""
    material = Material(corpus, encoder, cache, say)

    def make(settings: Settings, checkpoint: Path) -> dict[str, float]:
        return _made(material, settings, encoder, cache, checkpoint, say)

    posts = [(post.text, [asdict(mention) for mention in post.mentions]) for post in (*corpus.train, *corpus.scored)]
    data = content_hash([posts, corpus.source])
    over = {"variant": BASE, "score": "F1"}
    # All rows with one seed first: a study that is broken off can then be read already.
    by_seed = [study(variants, [seed], make, data, folder, say, over=over, packages=_PACKAGES) for seed in seeds]
    return table([result for results in by_seed for result in results])


def _made(
    material: Material, settings: Settings, encoder: str | None, cache: Path | None, out: Path, say: Say
) -> dict[str, float]:
    trained = fit(material, settings, say)
    out.parent.mkdir(parents=True, exist_ok=True)
    torch.save(trained, out)
    posts = material.corpus.scored
    found = scores(Tagger(trained, encoder, cache, say).find([post.text for post in posts]), posts)
    say(", ".join(f"{name} {value:.3f}" for name, value in found.items()))
    return found
