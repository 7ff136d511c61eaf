"""`adrwatch evaluate all`: every task in one go, into one folder: the tables of docs/models."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from services.evaluation.options import Seed, check_outputs, draw, keep

if TYPE_CHECKING:
    from services.evaluation.attribution_report import AttributionReport
    from services.evaluation.reports import Report
    from shared.settings import Settings

_PREVALENCE = 0.07


def register(group: typer.Typer) -> None:
    """Add `evaluate all`."""
    group.command("all")(evaluate_all)


def evaluate_all(
    data: Annotated[Path, typer.Option(help="Folder of all corpora, with classification/ and ner/.")],
    out: Annotated[Path, typer.Option(help="Folder for the reports, and for plots/ in it.")] = Path("models-report"),
    seed: Seed = 13,
) -> None:
    """Score screen, served models, whole way and attribution on the dev splits: one .md and .json a task, curves as SVG.

    Reports name no post: they can be published.

    Example: adrwatch evaluate all --data DATA --out docs/models/report
    """
    plots = out / "plots"
    check_outputs(plots)
    from shared.settings import current

    settings = current()
    tasks: dict[str, Callable[[], Sequence[Report]]] = {
        "screen": lambda: _screen(data, settings, seed),
        "classify": lambda: _classify(data, settings, seed),
        "extract": lambda: _extract(data, settings, seed),
        "end-to-end": lambda: _end_to_end(data, settings, seed),
    }
    for task, evaluate in tasks.items():
        typer.echo(f"{task} ...", err=True)
        reports = [report.anonymous() for report in evaluate()]
        keep(reports, out / task)
        draw(reports, plots)
    typer.echo("attribute ...", err=True)
    keep(_attribute(data, seed), out / "attribute")
    typer.echo(f"reports of {len(tasks) + 1} tasks are in {out}")


def _screen(data: Path, settings: Settings, seed: int) -> list[Report]:
    from services.evaluation.screen import reports

    return reports(data, None, seed, settings)


def _classify(data: Path, settings: Settings, seed: int) -> list[Report]:
    from services.evaluation.served import evaluate_classifier
    from shared.corpora.formats import labelled
    from shared.models.classifier import NAME

    folder = settings.model_repository / NAME
    return [evaluate_classifier(posts, name, folder, seed, settings.policy) for name, posts in labelled(data).items()]


def _extract(data: Path, settings: Settings, seed: int) -> list[Report]:
    from services.evaluation.served import evaluate_extractor
    from shared.corpora.formats import annotated
    from shared.models.extractor import NAME

    folder = settings.model_repository / NAME
    return [evaluate_extractor(posts, name, folder, seed) for name, posts in annotated(data).items()]


def _end_to_end(data: Path, settings: Settings, seed: int) -> list[Report]:
    from services.evaluation.whole_way import evaluate_mixed

    return [evaluate_mixed(data, _PREVALENCE, settings, seed)]


def _attribute(data: Path, seed: int) -> list[AttributionReport]:
    from services.evaluation.attribute import Part
    from services.evaluation.attribution_report import of_corpus, of_posts

    parts = [Part.DEVELOPMENT.value, Part.HELD_OUT.value]
    return [
        *of_posts(None, parts, seed, with_models=True),
        *of_corpus("twimed_pubmed", data / "ner" / "twimed_pubmed" / "pubmed_1000_brat.tar.xz", parts, seed),
        *of_corpus("ade_corpus_v2", data / "ner" / "ade_corpus_v2", parts, seed),
    ]
