"""`adrwatch evaluate extract`: the extractor on annotated posts."""

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
from shared.errors import AdrwatchError


def register(group: typer.Typer) -> None:
    """Add `evaluate extract`."""
    group.command("extract")(evaluate_extract)


def evaluate_extract(
    data: Data,
    layout: Format = None,
    model: Annotated[
        Path | None,
        typer.Option(
            help="Model folder, or a file of `adrwatch train chinese` or `adrwatch train russian`; else the served model."
        ),
    ] = None,
    encoder: Annotated[
        Path | None, typer.Option(help="Folder of the encoder that a model of `adrwatch train chinese` reads.")
    ] = None,
    language: Language = None,
    seed: Seed = 13,
    as_json: AsJson = False,
    save: Save = None,
    plots: Plots = None,
) -> None:
    """Strict and overlapping scores of the extractor per type and together, discontinuous mentions whole.

    With the folder of all corpora as --data: on the dev splits of the English ones. Formats: docs/evaluation.md.

    Example: adrwatch evaluate extract --data test_documents/ --format cadec --save reports/cadec

    Example: adrwatch evaluate extract --data DATA --format weibo_zh --model chinese.pt

    Example: adrwatch evaluate extract --data DATA/ner/rudrec_ru/rudrec_annotated.json.xz --format rudrec_ru --model russian.pt

    Example: adrwatch evaluate extract --data DATA --format rudrec_ru --language ru
    """
    check_outputs(plots)
    if encoder and not (model and model.is_file()):
        raise AdrwatchError(
            "--encoder goes with a model that `adrwatch train chinese` wrote",
            fix="give it as --model, or leave out --encoder",
        )
    from services.evaluation.served import evaluate_extractor
    from shared.corpora.formats import annotated
    from shared.models.extractor import NAME
    from shared.settings import current

    sets = annotated(data, layout)
    repository = current().model_repository
    folder = model or repository / NAME
    if language and model is None:
        pair = pair_of(repository, language)
        folder = repository / pair.models[1] / str(pair.version)
    if folder.is_file():
        from services.evaluation.trained_file import evaluate_file

        reports = [evaluate_file(posts, name, folder, encoder, seed) for name, posts in sets.items()]
    else:
        reports = [evaluate_extractor(posts, name, folder, seed) for name, posts in sets.items()]
    show(reports, as_json, save)
    draw(reports, plots)
