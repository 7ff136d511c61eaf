"""`adrwatch evaluate attribute`: which medicine did it and what is asserted at all, measured by itself."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from services.evaluation.options import AsJson, Save, Seed, show


class RelationFormat(StrEnum):
    """Formats of texts that tell which medicine caused what."""

    TWIMED_PUBMED = "twimed_pubmed"
    ADE_CORPUS_V2 = "ade_corpus_v2"
    PHEE = "phee"
    CADEC = "cadec"
    POSTS = "posts"


class Part(StrEnum):
    """The half to develop on, whose errors may be read, and the half that is only scored."""

    DEVELOPMENT = "development"
    HELD_OUT = "held-out"
    BOTH = "both"


def register(group: typer.Typer) -> None:
    """Add the command to the group `evaluate`."""
    group.command("attribute")(evaluate_attribute)


def evaluate_attribute(
    layout: Annotated[RelationFormat, typer.Option("--format", help="Format of the data.")] = RelationFormat.POSTS,
    data: Annotated[
        Path | None,
        typer.Option(
            help="TwiMed's archive, the folder of the ADE corpus, a split of PHEE or CADEC, a file of posts [default: our own]"
        ),
    ] = None,
    part: Annotated[Part, typer.Option(help="Which half to score.")] = Part.BOTH,
    served: Annotated[
        bool, typer.Option("--with-models", help="Posts only: also through screen, classifier and extractor.")
    ] = False,
    seed: Seed = 13,
    as_json: AsJson = False,
    save: Save = None,
) -> None:
    """Score attribution with annotated entities: pairs against three baselines, and for posts assertion, person and flags.

    The halves are told apart by a hash of the text (corpora) or by the file (posts). Exit code 2: the data are not there or broken.

    Example: adrwatch evaluate attribute --format ade_corpus_v2 --data ner/ade_corpus_v2 --json
    """
    from services.evaluation import attribution_report
    from shared.errors import AdrwatchError

    parts = [one.value for one in ((Part.DEVELOPMENT, Part.HELD_OUT) if part is Part.BOTH else (part,))]
    if layout is RelationFormat.POSTS:
        reports = attribution_report.of_posts(data, parts, seed, with_models=served)
    elif data is None:
        raise AdrwatchError(f"--format {layout.value} needs --data", fix="give the path of the corpus with --data")
    elif served:
        raise AdrwatchError("--with-models works with --format posts only", fix="leave --with-models out")
    else:
        reports = attribution_report.of_corpus(layout.value, data, parts, seed)
    show(reports, as_json, save)
