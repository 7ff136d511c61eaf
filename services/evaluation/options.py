"""What the commands of `adrwatch evaluate` share: their options, and how reports are shown and kept."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Protocol

import typer

from shared.errors import AdrwatchError

if TYPE_CHECKING:
    from services.evaluation.reports import Report
    from shared.models.languages import Pair

Data = Annotated[Path, typer.Option(help="Folder with classification/ and ner/, a corpus's own folder, or one file.")]
Format = Annotated[
    str | None,
    typer.Option(
        "--format",
        help="Format of the file, or the corpus of the folder: the name of a corpus's folder, such as en_tweets, psytar, cadec.",
    ),
]
Language = Annotated[
    str | None,
    typer.Option(help="Score the models that read this language, calibrated for it (adrwatch models languages)."),
]
Seed = Annotated[int, typer.Option(help="Seed of the bootstrap and of every drawing.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON rather than Markdown.")]
Save = Annotated[Path | None, typer.Option(help="Also write NAME.json and NAME.md at this path without suffix.")]
Plots = Annotated[Path | None, typer.Option(help="Also draw curves and confusions as SVG into this folder.")]


def pair_of(repository: Path, language: str) -> Pair:
    """The models that read a language. Raises AdrwatchError where none do."""
    from shared.models.languages import read_pairs

    pairs = read_pairs(repository)
    if language not in pairs:
        raise AdrwatchError(
            f"no models in {repository} read {language}",
            fix="adrwatch models build-multilingual --help; `adrwatch models languages` shows what reads what",
        )
    return pairs[language]


def check_outputs(plots: Path | None) -> None:
    """Raises AdrwatchError where plots are asked for and cannot be drawn: before the work, not after it."""
    if plots is None:
        return
    from services.evaluation.plots import require_matplotlib

    require_matplotlib()
    if plots.exists() and not plots.is_dir():
        raise AdrwatchError(f"{plots} is a file", fix="give --plots a folder")


class Shown(Protocol):
    """Any report."""

    def json(self) -> str:
        """All of it, indented."""

    def markdown(self) -> str:
        """For people."""


def show(reports: Sequence[Shown], as_json: bool, save: Path | None) -> None:
    """Print the reports; with `save` also write them as JSON and Markdown."""
    typer.echo(_json(reports) if as_json else _markdown(reports))
    if save is not None:
        keep(reports, save)


def keep(reports: Sequence[Shown], save: Path) -> None:
    """Write reports as JSON and Markdown, at a path without suffix."""
    save.parent.mkdir(parents=True, exist_ok=True)
    # Not with_suffix: a name such as 2026.11 has no suffix to replace.
    save.with_name(f"{save.name}.json").write_text(_json(reports), encoding="utf-8")
    save.with_name(f"{save.name}.md").write_text(_markdown(reports), encoding="utf-8")


def _json(reports: Sequence[Shown]) -> str:
    return "[" + ",\n".join(report.json() for report in reports) + "]\n"


def _markdown(reports: Sequence[Shown]) -> str:
    return "\n".join(report.markdown() for report in reports)


def draw(reports: Sequence[Report], plots: Path | None) -> None:
    """Draw the curves and confusions of the reports, where plots are asked for."""
    if plots is not None:
        from services.evaluation.plots import draw as drawn

        for report in reports:
            for path in drawn(report, plots):
                typer.echo(f"drew {path}", err=True)
