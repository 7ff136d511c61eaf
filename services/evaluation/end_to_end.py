"""`adrwatch evaluate end-to-end`: the whole pipeline, from posts to pairs of medicine and reaction."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from services.evaluation.options import AsJson, Data, Format, Plots, Save, Seed, check_outputs, draw, show


def register(group: typer.Typer) -> None:
    """Add `evaluate end-to-end`."""
    group.command("end-to-end")(evaluate_end_to_end)


def evaluate_end_to_end(
    data: Data,
    layout: Format = None,
    model: Annotated[Path | None, typer.Option(help="Model repository; else the served one.")] = None,
    prevalence: Annotated[float, typer.Option(help="Share of posts with a reaction in the mixed tweets.")] = 0.07,
    seed: Seed = 13,
    as_json: AsJson = False,
    save: Save = None,
    plots: Plots = None,
) -> None:
    """Pairs of medicine and reaction that the pipeline reports, against the annotated ones.

    With the folder of all corpora as --data and no --format: tweets with reactions mixed with tweets without any to the
    given prevalence. Else the posts of the file or corpus as they are. What counts as found: docs/evaluation.md.

    Example: adrwatch evaluate end-to-end --data DATA --save reports/end-to-end
    """
    check_outputs(plots)
    from services.evaluation.whole_way import evaluate_mixed, evaluate_posts
    from shared.corpora.formats import annotated
    from shared.corpora.splits import EXTRACTION_FOLDER
    from shared.settings import current

    settings = current()
    if model is not None:
        settings = settings.model_copy(update={"model_repository": model})
    if layout is None and (data / EXTRACTION_FOLDER).is_dir():
        reports = [evaluate_mixed(data, prevalence, settings, seed)]
    else:
        reports = [evaluate_posts(posts, name, settings, seed) for name, posts in annotated(data, layout).items()]
    show(reports, as_json, save)
    draw(reports, plots)
