"""The commands `adrwatch train normalise|rank`. scikit-learn is imported only when one runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from services.training.extra import with_extra
from shared.corpora.phrases import HoldOut, PhraseFormat


def register(group: typer.Typer) -> None:
    """Add the commands to the group `train`."""
    group.command("normalise")(train_normalise)
    group.command("rank")(train_rank)


def train_normalise(
    data: Annotated[Path, typer.Option(help="Corpus of coded phrases.")],
    out: Annotated[Path, typer.Option(help="Folder to write.")],
    layout: Annotated[PhraseFormat, typer.Option("--format", help="Its format.")] = PhraseFormat.SMM4H2017,
    hold_out: Annotated[HoldOut, typer.Option(help="What is kept away, for `evaluate normalise`.")] = HoldOut.PHRASES,
    config: Annotated[Path | None, typer.Option(help="TOML: seed, folds, costs, accuracy, groups.")] = None,
    seed: Annotated[int | None, typer.Option(help="Instead of the configuration's seed.")] = None,
) -> None:
    """Learn which concept a phrase means from coded phrases, code<TAB>phrase a line.

    Example: adrwatch train normalise --data train.tsv --out normaliser
    """
    from dataclasses import replace

    from shared.corpora.phrases import read_phrases
    from shared.vocabulary.reactions import default_vocabulary

    training = with_extra("services.training.normalise")
    chosen = training.Config.load(config)
    if seed is not None:
        chosen = replace(chosen, seed=seed)
    pairs = read_phrases(data, layout)
    training.train(
        pairs, layout, out, vocabulary=default_vocabulary(), hold_out=hold_out, config=chosen, say=typer.echo
    )
    typer.echo(f"written to {out}; use it with ADRWATCH_NORMALISER={out}")


def train_rank(
    out: Annotated[Path, typer.Option(help="TOML file to write.")],
    sample: Annotated[int, typer.Option(min=100, help="Lay phrases that are hidden, at most.")] = 20_000,
    seed: Annotated[int, typer.Option(help="Seed of the sample.")] = 13,
) -> None:
    """Fit the weights by which near phrases are ranked, on the shipped vocabulary itself.

    Example: adrwatch train rank --out shared/vocabulary/rank.toml
    """
    from shared.events import Concept
    from shared.vocabulary.reactions import FILE
    from shared.vocabulary.table import read

    training = with_extra("services.training.normalise_rank")
    rows = [(phrase, Concept(key, label), int(rank)) for phrase, key, label, rank in read(FILE, 4)[1]]
    training.fit(rows, out, sample=sample, seed=seed, say=typer.echo)
