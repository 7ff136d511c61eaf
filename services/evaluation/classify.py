"""`adrwatch evaluate classify`: the classifier on labelled posts."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from services.evaluation.options import AsJson, Data, Format, Plots, Save, Seed, check_outputs, draw, show


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

    With the folder of all corpora as --data: on the dev splits of the English ones. Formats: docs/evaluation.md. The threshold
    is that of ADRWATCH_POLICY.

    Example: adrwatch evaluate classify --data unseen.tsv --format en_tweets --json
    """
    check_outputs(plots)
    from services.evaluation.served import evaluate_classifier
    from shared.corpora.formats import labelled
    from shared.models.classifier import NAME
    from shared.settings import current

    sets = labelled(data, layout)
    settings = current()
    folder = model or settings.model_repository / NAME
    reports = [evaluate_classifier(posts, name, folder, seed, settings.policy) for name, posts in sets.items()]
    show(reports, as_json, save)
    draw(reports, plots)
