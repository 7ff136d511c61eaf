"""The command `adrwatch train screen`. scikit-learn is imported only when it runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from services.training.extra import with_extra


def register(group: typer.Typer) -> None:
    """Add the command to the group `train`."""
    group.command("screen")(train_screen)


def train_screen(
    out: Annotated[Path, typer.Option(help="File to write.")],
    posts: Annotated[
        Path | None,
        typer.Option(help="Posts to learn from: part, label, kind, template, text [default: ours]."),
    ] = None,
    cost: Annotated[float | None, typer.Option(min=0.001, help="How far the weights may grow [default: 10].")] = None,
) -> None:
    """Learn to tell advertisements and machines from people; takes seconds and repeats exactly.

    Posts of the part `held` are not learned from: `adrwatch evaluate screen` scores on them.

    Example: adrwatch train screen --out shared/screening/model.json
    """
    from shared.screening.posts import FILE, read_posts
    from shared.vocabulary.drugs import default_lexicon

    training = with_extra("services.training.train_screen")
    written = read_posts(posts or FILE)
    model = training.train(written, default_lexicon(), out, cost or training.COST, typer.echo)
    typer.echo(f"learned from {model.about.learned_from} of {len(written)} posts; written to {out}")
