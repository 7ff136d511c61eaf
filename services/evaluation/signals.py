"""`adrwatch evaluate signals`: measures and rules against drugs and outcomes whose truth is known."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from services.evaluation.options import AsJson, Save, Seed, show


def register(group: typer.Typer) -> None:
    """Add the command to the group `evaluate`."""
    group.command("signals")(evaluate_signals)


def evaluate_signals(
    file: Annotated[
        Path, typer.Argument(help="reports: CSV, TSV (also .gz, .xz) or Parquet with report, drug, reaction")
    ],
    reference: Annotated[
        Path, typer.Option(help="reference set: CSV with exposureName, outcomeName, groundTruth (EU-ADR, OMOP)")
    ],
    terms: Annotated[
        Path | None,
        typer.Option(
            help="CSV with outcome, reaction: the reactions that count as an outcome [default: those of EU-ADR]"
        ),
    ] = None,
    columns: Annotated[
        str | None, typer.Option(help="what the file calls its columns: report=CASEID,drug=DRUG,reaction=AE,date=DATE")
    ] = None,
    seed: Seed = 13,
    as_json: AsJson = False,
    save: Save = None,
) -> None:
    """AUROC of each measure; sensitivity, specificity, PPV of each rule; time to detection where reports have dates.

    A control that nobody reported is no signal. Controls whose outcome no reaction counts as are left out and named.
    Thresholds are those of ADRWATCH_RULES_FILE.

    Example: adrwatch evaluate signals reports.csv.xz --reference euadr.csv --columns report=CASEID,drug=DRUG,reaction=AE
    """
    from services.evaluation.signals_report import report
    from services.signals.reading import column_names, read_dated, read_reports
    from shared.settings import current
    from shared.signals.rules import load_rules

    names = column_names(columns)
    reports, day = read_dated(file, names) if "date" in names else (read_reports(file, names), None)
    show([report(file, reports, day, reference, terms, load_rules(current().rules_file), seed)], as_json, save)
