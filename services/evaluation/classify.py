"""`adrwatch evaluate classify`: the classifier on labelled posts."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from services.evaluation.options import AsJson, Data, Format, Plots, Save, Seed, check_outputs, show


def register(group: typer.Typer) -> None:
    """Add `evaluate classify`."""
    group.command("classify")(evaluate_classify)


def evaluate_classify(
    data: Data,
    layout: Format = None,
    model: Annotated[Path | None, typer.Option(help="Model folder; else the served model.")] = None,
    seed: Seed = 13,
    as_json: AsJson = False,
    save: Save = None,
    plots: Plots = None,
) -> None:
    """Precision, recall, F1, AUROC, AP, Brier score and calibration error of the classifier.

    With the folder of all corpora as --data: on the dev splits of the English ones. Formats: docs/evaluation.md.

    Example: adrwatch evaluate classify --data unseen.tsv --format en_tweets --json
    """
    check_outputs(plots)
    from services.evaluation.served import evaluate_classifier
    from shared.corpora.formats import labelled
    from shared.models.classifier import NAME
    from shared.settings import current

    sets = labelled(data, layout)
    folder = model or current().model_repository / NAME
    show([evaluate_classifier(posts, name, folder, seed) for name, posts in sets.items()], as_json, save, plots)
