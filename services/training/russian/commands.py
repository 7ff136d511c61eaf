"""The commands `adrwatch train russian-study` and `adrwatch train russian`: recognisers of Russian reviews."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from services.training.extra import with_extra
from services.training.russian.options import FOLDS, ROWS, RussianOptions
from services.training.study_commands import Folder, Variants, known, numbers, say
from shared.corpora.json_lines import RUDREC_ALL, read_rudrec
from shared.corpora.readers import AnnotatedPost
from shared.errors import AdrwatchError

_FILE = Path("ner/rudrec_ru/rudrec_annotated.json.xz")

Data = Annotated[Path, typer.Option(help="Folder with ner/rudrec_ru, or a file in the format rudrec_ru.")]
Encoder = Annotated[
    str, typer.Option(help="Python package, folder or Hugging Face name of an encoder that knows Russian.")
]
Row = Annotated[str, typer.Option(help="What to train, a row of the study.")]


def register(group: typer.Typer) -> None:
    """Add the commands to the group `train`."""
    group.command("russian-study")(train_russian_study)
    group.command("russian")(train_russian)


def train_russian_study(
    data: Data,
    folder: Folder = Path("russian"),
    folds: Annotated[str, typer.Option(help="Folds to score, with commas between.")] = "0,1,2,3,4",
    variants: Variants = None,
    encoder: Encoder = "multilingual",
) -> None:
    """Train recognisers of Russian reviews on four folds of RuDReC, score each on the fifth, print the table.

    What was begun goes on where it was stopped. Rows: docs/models/russian.md.

    Example: adrwatch train russian-study --data DATA --encoder multilingual --folder docs/models/russian --variants "Model B"
    """
    rows = {name: replace(ROWS[name], encoder=encoder) for name in known(variants, list(ROWS))}
    chosen = numbers(folds, "--folds")
    if not set(chosen) <= set(range(FOLDS)):
        raise AdrwatchError(f"--folds {folds} names a fold that is none", fix=f"folds are 0 to {FOLDS - 1}")
    posts = _posts(data)
    made = with_extra("services.training.russian.study")
    typer.echo(made.russian_study(posts, rows, chosen, folder, say), nl=False)


def train_russian(
    data: Data,
    out: Annotated[Path, typer.Option(help="File to write the recogniser to.")] = Path("russian.pt"),
    row: Row = "Model B",
    fold: Annotated[int, typer.Option(min=0, max=FOLDS - 1, help="Fold that is not learned from.")] = 0,
    encoder: Encoder = "multilingual",
) -> None:
    """Train one recogniser of Russian reviews on four folds of RuDReC and keep it.

    Example: adrwatch train russian --data DATA --encoder multilingual --out russian.pt

    Example: adrwatch evaluate extract --data DATA/ner/rudrec_ru/rudrec_annotated.json.xz --format rudrec_ru --model russian.pt
    """
    [name] = known([row], list(ROWS))
    options: RussianOptions = replace(ROWS[name], encoder=encoder, fold=fold)
    posts = _posts(data)
    made = with_extra("services.training.russian.saved")
    made.train(posts, options, out, say)
    typer.echo(f"{out}: {name}, learned from all folds but {fold}")


def _posts(data: Path) -> list[AnnotatedPost]:
    return read_rudrec(data / _FILE if data.is_dir() else data, RUDREC_ALL)
