"""`adrwatch evaluate`: what the product says, scored against labelled corpora."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from services.evaluation import normalise

if TYPE_CHECKING:
    from services.evaluation.reports import Report

evaluate_app = typer.Typer(no_args_is_help=True, help="Score a served model on labelled posts.")

Data = Annotated[Path, typer.Option(help="Folder with classification/ and ner/, or one corpus file.")]
Seed = Annotated[int, typer.Option(help="Seed of the bootstrap.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON rather than Markdown.")]
Save = Annotated[Path | None, typer.Option(help="Also write NAME.json and NAME.md at this path without suffix.")]


def register(app: typer.Typer) -> None:
    """Add the group `evaluate`."""
    normalise.register(evaluate_app)
    app.add_typer(evaluate_app, name="evaluate")


class LabelFormat(StrEnum):
    """Formats of labelled posts."""

    SMM4H = "smm4h"
    PSYTAR = "psytar"


class SpanFormat(StrEnum):
    """Formats of annotated posts."""

    JSONL = "jsonl"
    PSYTAR = "psytar"
    REDDIT = "reddit"


@evaluate_app.command("classify")
def evaluate_classify(
    data: Data,
    model: Annotated[Path, typer.Option(help="Model folder.")] = Path("triton_models/adr_classifier"),
    layout: Annotated[LabelFormat, typer.Option("--format", help="Format of a corpus file.")] = LabelFormat.SMM4H,
    seed: Seed = 13,
    as_json: AsJson = False,
    save: Save = None,
) -> None:
    """Precision, recall, F1, AUROC, AP and Brier score of the classifier; the dev splits when --data is a folder.

    Example: adrwatch evaluate classify --data ../shared/data --json
    """
    from services.evaluation.served import evaluate_classifier
    from shared.corpora import splits
    from shared.corpora.readers import read_psytar_sentences, read_tweets

    if data.is_dir():
        tweets, forum = splits.classification(data)
        sets = {"en_tweets dev": tweets.dev, "en_psytar_sentences dev": forum.dev}
    else:
        reader = read_tweets if layout is LabelFormat.SMM4H else read_psytar_sentences
        sets = {data.name: reader(data)}
    _show([evaluate_classifier(posts, name, model, seed) for name, posts in sets.items()], as_json, save)


@evaluate_app.command("extract")
def evaluate_extract(
    data: Data,
    model: Annotated[Path, typer.Option(help="Model folder.")] = Path("triton_models/adr_ner"),
    layout: Annotated[SpanFormat, typer.Option("--format", help="Format of a corpus file.")] = SpanFormat.JSONL,
    seed: Seed = 13,
    as_json: AsJson = False,
    save: Save = None,
) -> None:
    """Strict and overlapping scores per type of the extractor; the dev splits when --data is a folder.

    Example: adrwatch evaluate extract --data ../shared/data --save reports/extract
    """
    from services.evaluation.served import evaluate_extractor
    from shared.corpora import splits
    from shared.corpora.readers import read_conll, read_span_jsonl

    if data.is_dir():
        sets = {f"{name} dev": split.dev for name, split in splits.extraction(data).items()}
    elif layout is SpanFormat.JSONL:
        sets = {data.name: read_span_jsonl(data, splits.TWEET_TYPES, ("reaction", "indication"))}
    elif layout is SpanFormat.PSYTAR:
        sets = {data.name: read_conll(data, splits.PSYTAR_TYPES, sorted(set(splits.PSYTAR_TYPES.values())))}
    else:
        sets = {data.name: read_conll(data, splits.REDDIT_TYPES, sorted(set(splits.REDDIT_TYPES.values())))}
    _show([evaluate_extractor(posts, name, model, seed) for name, posts in sets.items()], as_json, save)


def _show(reports: list[Report], as_json: bool, save: Path | None) -> None:
    """Print the reports; with `save` also write them as JSON and Markdown."""
    as_list = "[" + ",\n".join(report.json() for report in reports) + "]\n"
    as_text = "\n".join(report.markdown() for report in reports)
    typer.echo(as_list if as_json else as_text)
    if save is not None:
        save.parent.mkdir(parents=True, exist_ok=True)
        save.with_suffix(".json").write_text(as_list, encoding="utf-8")
        save.with_suffix(".md").write_text(as_text, encoding="utf-8")
