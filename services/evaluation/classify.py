"""`adrwatch evaluate classify`: the classifier on labelled posts."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from services.evaluation.options import (
    AsJson,
    Data,
    Format,
    Language,
    Plots,
    Save,
    Seed,
    check_outputs,
    draw,
    pair_of,
    show,
)


def register(group: typer.Typer) -> None:
    """Add `evaluate classify`."""
    group.command("classify")(evaluate_classify)


def evaluate_classify(
    data: Data,
    layout: Format = None,
    model: Annotated[Path | None, typer.Option(help="Model folder; else the served model.")] = None,
    language: Language = None,
    seed: Seed = 13,
    as_json: AsJson = False,
    save: Save = None,
    plots: Plots = None,
) -> None:
    """Precision, recall, F1, AUROC, AP, Brier score and calibration error of the classifier.

    With the folder of all corpora as --data: on the dev splits of the English ones. Formats: docs/evaluation.md. The threshold
    is that of ADRWATCH_POLICY.

    Example: adrwatch evaluate classify --data unseen.tsv --format en_tweets --json

    Example: adrwatch evaluate classify --data DATA --format ru_tweets --language ru
    """
    check_outputs(plots)
    from services.evaluation.served import evaluate_classifier
    from shared.corpora.formats import labelled
    from shared.models.classifier import NAME
    from shared.settings import current

    sets = labelled(data, layout)
    settings = current()
    folder = model or settings.model_repository / NAME
    if language and model is None:
        pair = pair_of(settings.model_repository, language)
        folder = settings.model_repository / pair.models[0] / str(pair.version)
    reports = [
        evaluate_classifier(posts, name, folder, seed, settings.policy, language or "") for name, posts in sets.items()
    ]
    show(reports, as_json, save)
    draw(reports, plots)
