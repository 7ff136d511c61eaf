"""The commands `adrwatch train chinese|chinese-study`. torch is imported only when one runs."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from services.training.asaibc import settings
from services.training.asaibc.settings import CORPORA
from services.training.extra import with_extra
from services.training.study_commands import numbers, say
from shared.errors import AdrwatchError

if TYPE_CHECKING:
    from services.training.asaibc.posts import Corpus

Data = Annotated[Path, typer.Option(help="Folder with ner/ and the corpora in it (docs/models/chinese.md).")]
Encoder = Annotated[
    str | None, typer.Option(help="Folder of an encoder (`adrwatch train encoder`); without it, characters alone.")
]
Tuned = Annotated[int, typer.Option(min=0, help="How many of the encoder's last layers are trained on.")]
Chosen = Annotated[str, typer.Option("--corpus", help=f"What is learned and scored: {', '.join(CORPORA)}.")]
Epochs = Annotated[int | None, typer.Option(min=1, help="Passes over the posts.")]
Alpha = Annotated[float | None, typer.Option(min=0, max=1, help="Weight of entities in a source sentence's; 1: all.")]
Threshold = Annotated[
    float | None, typer.Option(min=0, max=1, help="Source sentences that weigh less are left out (δ of the paper).")
]
Cache = Annotated[Path | None, typer.Option(help="Folder in which the encoder's states are kept between runs.")]
Choose = Annotated[
    bool, typer.Option("--choose", help="Score on every tenth training post instead, which is then not learned from.")
]


def register(group: typer.Typer) -> None:
    """Add the commands to the group `train`."""
    group.command("chinese")(train_chinese)
    group.command("chinese-study")(train_chinese_study)


def train_chinese(
    data: Data,
    out: Annotated[Path, typer.Option(help="Checkpoint to write.")] = Path("chinese.pt"),
    row: Annotated[str, typer.Option(help=f"Row of the study: {', '.join(settings.ROWS)}.")] = settings.FULL,
    encoder: Encoder = None,
    tuned: Tuned = 0,
    corpus: Chosen = CORPORA[0],
    seed: Annotated[int, typer.Option(help="Seed of weights and order.")] = 13,
    epochs: Epochs = None,
    alpha: Alpha = None,
    threshold: Threshold = None,
    cache: Cache = None,
    choose: Choose = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Train one ASAIBC network of Chinese entities, write it, and print how well it finds the entities of the dev part.

    Example: adrwatch train chinese --data DATA --encoder multilingual --out chinese.pt

    Example: adrwatch evaluate extract --data DATA --format weibo_zh --model chinese.pt --encoder multilingual
    """
    chosen = _settings(encoder, tuned, epochs=epochs, alpha=alpha, threshold=threshold, seed=seed)
    (wanted,) = settings.rows_of([row], chosen).values()
    posts = _read(data, corpus, choose)
    running = with_extra("services.training.asaibc.running")
    found = running.one(posts, wanted, encoder, cache, out, say)
    lines = (f"{name}: {value:.4f}" for name, value in found.items())
    typer.echo(json.dumps(found) if as_json else "\n".join(lines))


def train_chinese_study(
    data: Data,
    folder: Annotated[Path, typer.Option(help="Results by row and seed; what is there is not made again.")] = Path(
        "asaibc"
    ),
    encoder: Encoder = None,
    tuned: Tuned = 0,
    seeds: Annotated[str, typer.Option(help="Seeds, with commas between.")] = "13,14,15",
    rows: Annotated[list[str] | None, typer.Option(help=f"Only these rows: {', '.join(settings.ROWS)}.")] = None,
    corpus: Chosen = CORPORA[0],
    epochs: Epochs = None,
    alpha: Alpha = None,
    threshold: Threshold = None,
    cache: Cache = None,
    choose: Choose = False,
) -> None:
    """Train the networks of Chinese entities from a chain of tags to the whole ASAIBC and print what each part is worth.

    Example: adrwatch train chinese-study --data DATA --folder docs/models/asaibc

    Example: adrwatch train chinese-study --data DATA --folder asaibc-multilingual --encoder multilingual --cache states
    """
    chosen = _settings(encoder, tuned, epochs=epochs, alpha=alpha, threshold=threshold)
    wanted = settings.rows_of(rows, chosen)
    posts = _read(data, corpus, choose)
    running = with_extra("services.training.asaibc.running")
    found = running.rows(posts, wanted, numbers(seeds), encoder, cache, folder, say)
    typer.echo(found, nl=False)


def _read(data: Path, corpus: str, choose: bool) -> Corpus:
    from services.training.asaibc.posts import read

    return read(data, corpus, choose=choose)


def _settings(encoder: str | None, tuned: int, **given: Any) -> settings.Settings:
    if tuned and not encoder:
        raise AdrwatchError(
            "there is no encoder whose layers could be trained", fix="give --encoder, or leave out --tuned"
        )
    name = with_extra("services.training.asaibc.encoder").name_of(encoder) if encoder else ""
    return replace(
        settings.Settings(encoder=name, tuned=tuned),
        **{key: value for key, value in given.items() if value is not None},
    )
