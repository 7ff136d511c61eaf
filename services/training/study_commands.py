"""The commands `adrwatch train ablate|balance|recognisers|table`: tables of short runs that differ in one thing."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from services.training import options
from services.training.extra import with_extra
from shared.errors import AdrwatchError

Data = Annotated[Path, typer.Option(help="Folder with classification/ and ner/ (docs/evaluation.md).")]
Folder = Annotated[Path, typer.Option(help="Results by variant and seed; what is there is not made again.")]
Seeds = Annotated[str, typer.Option(help="Seeds, with commas between.")]
Config = Annotated[Path | None, typer.Option(help="TOML file of options, the same for all variants.")]
Encoder = Annotated[str | None, typer.Option(help="Python package, folder or Hugging Face name of an encoder.")]
Epochs = Annotated[int | None, typer.Option(min=1, help="Passes over the training posts.")]
Variants = Annotated[list[str] | None, typer.Option(help="Only these variants [default: all].")]


def register(group: typer.Typer) -> None:
    """Add the commands to the group `train`."""
    group.command("ablate")(train_ablate)
    group.command("balance")(train_balance)
    group.command("recognisers")(train_recognisers)
    group.command("table")(train_table)


def train_ablate(
    data: Data,
    folder: Folder = Path("ablation"),
    seeds: Seeds = "13,14,15",
    variants: Variants = None,
    config: Config = None,
    encoder: Encoder = None,
    epochs: Epochs = None,
) -> None:
    """Train the classifier without some of its levels and print what each level is worth.

    Example: adrwatch train ablate --data DATA --config services/training/configs/ablate.toml --folder ablation
    """
    from shared.corpora import splits

    chosen = options.load(config, encoder=encoder, epochs=epochs)
    training = with_extra("services.training.ablation")
    wanted = known(variants, list(training.LEVELS))
    tweets, forum = splits.learnable(data)
    typer.echo(training.ablate(tweets, forum, chosen, numbers(seeds), wanted, folder, say), nl=False)


def train_balance(
    data: Data,
    folder: Folder = Path("balance"),
    seeds: Seeds = "13,14,15",
    variants: Variants = None,
    config: Config = None,
    encoder: Encoder = None,
    epochs: Epochs = None,
) -> None:
    """Train the extractor on tweets of which 22, 35 or 50 % have a reaction and print how well it finds reactions.

    Example: adrwatch train balance --data DATA --config services/training/configs/balance.toml --folder balance
    """
    from shared.corpora import splits

    chosen = options.load(config, encoder=encoder, epochs=epochs)
    training = with_extra("services.training.ablation")
    wanted = known(variants, list(training.SHARES))
    tweets = splits.extraction(data)["tweets"]
    typer.echo(training.balance(tweets, chosen, numbers(seeds), wanted, folder, say), nl=False)


def train_recognisers(
    data: Data,
    folder: Folder = Path("recognisers"),
    seeds: Seeds = "13,14,15",
    variants: Variants = None,
    config: Config = None,
    encoder: Encoder = None,
    epochs: Epochs = None,
) -> None:
    """Train extractors from a BiLSTM-CRF to all levels on tweets and print how well each finds reactions.

    Example: adrwatch train recognisers --data DATA --config services/training/configs/recognisers.toml
    """
    from shared.corpora import splits

    chosen = options.load(config, encoder=encoder, epochs=epochs)
    training = with_extra("services.training.ablation")
    wanted = known(variants, list(training.RECOGNISERS))
    tweets = splits.extraction(data)["tweets"]
    typer.echo(training.recognisers(tweets, chosen, numbers(seeds), wanted, folder, say), nl=False)


def train_table(folder: Annotated[Path, typer.Argument(help="Folder with the results of a study.")]) -> None:
    """Print the table of the results that a folder holds; nothing is trained.

    Example: adrwatch train table docs/models/ablation
    """
    from services.training.study import stored, table

    typer.echo(table(stored(folder)), nl=False)


def known(chosen: list[str] | None, names: list[str]) -> list[str]:
    """The names chosen, all where none is. Raises AdrwatchError for one that is not among them."""
    unknown = set(chosen or ()) - set(names)
    if unknown:
        raise AdrwatchError(f"no variant {sorted(unknown)[0]}", fix=f"variants: {', '.join(names)}")
    return chosen or names


def numbers(given: str, option: str = "--seeds") -> list[int]:
    """Numbers with commas between. Raises AdrwatchError that names the option where they are none."""
    try:
        return [int(number) for number in given.split(",")]
    except ValueError:
        raise AdrwatchError(f"{option} {given} is no list of numbers", fix="give them as in 0,1,2") from None


def say(text: str) -> None:
    """Tell how far a run is, beside what the command prints."""
    typer.echo(text, err=True)
