"""`adrwatch evaluate normalise`: how often a trained normaliser names the concept that annotators named."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from services.evaluation.options import AsJson, Save, Seed, show
from shared.corpora.phrases import PhraseFormat


def register(group: typer.Typer) -> None:
    """Add the command to the group `evaluate`."""
    group.command("normalise")(evaluate_normalise)


def evaluate_normalise(
    data: Annotated[Path, typer.Option(help="The corpus of coded phrases that the model was trained on, or another.")],
    model: Annotated[Path, typer.Option(help="Folder that `adrwatch train normalise` wrote.")],
    layout: Annotated[PhraseFormat, typer.Option("--format", help="Format of the corpus.")] = PhraseFormat.SMM4H2017,
    seed: Seed = 13,
    as_json: AsJson = False,
    save: Save = None,
) -> None:
    """Accuracy@1 and @5, share mapped and accuracy among mapped: on the held-out part of the training data, or on other data.

    Example: adrwatch evaluate normalise --data train.tsv --model normaliser
    """
    from services.evaluation.normalise_scores import evaluate
    from shared.corpora.phrases import read_phrases
    from shared.vocabulary.reactions import default_vocabulary
    from shared.vocabulary.trained import TrainedNormaliser

    normaliser = TrainedNormaliser.load(model, default_vocabulary())
    show([evaluate(read_phrases(data, layout), data.name, layout, normaliser, seed)], as_json, save)
