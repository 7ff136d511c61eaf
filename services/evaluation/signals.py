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
        Path,
        typer.Argument(
            help="reports: CSV, TSV (also .gz, .xz) or Parquet with report, drug, reaction; a store of `adrwatch background`; "
            "mentions.jsonl of a back-test"
        ),
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
    beside: Annotated[
        list[Path] | None,
        typer.Option(
            help="reports of another source, with our names of columns: scored too, and combined with the first"
        ),
    ] = None,
    seed: Seed = 13,
    as_json: AsJson = False,
    save: Save = None,
) -> None:
    """AUROC of each measure; sensitivity, specificity, PPV of each rule; time to detection where reports have dates.

    A control that nobody reported is no signal. Controls whose outcome no reaction counts as are left out and named.
    Thresholds are those of ADRWATCH_RULES_FILE. Combined, what is expected is summed over sources (Mantel-Haenszel).

    Example: adrwatch evaluate signals reports.csv.xz --reference euadr.csv --columns report=CASEID,drug=DRUG,reaction=AE

    Example: adrwatch evaluate signals mentions.jsonl --beside background.duckdb --reference euadr.csv
    """
    import numpy as np

    from services.evaluation.signals_report import report
    from services.signals.reading import column_names, read_dated, read_reports
    from shared.settings import current
    from shared.signals.counts import stacked
    from shared.signals.rules import load_rules

    names = column_names(columns)
    files = [file, *(beside or ())]
    dated = "date" in names
    found = []
    for path in files:
        theirs = names if path == file else {}
        found.append(read_dated(path, theirs) if dated else (read_reports(path, theirs), None))
    rules = load_rules(current().rules_file)
    reports = [
        report([path], each, day, reference, terms, rules, seed) for path, (each, day) in zip(files, found, strict=True)
    ]
    if len(files) > 1:
        together = stacked([each for each, _ in found])
        days = [day for _, day in found if day is not None]
        reports.append(report(files, together, np.concatenate(days) if days else None, reference, terms, rules, seed))
    show(reports, as_json, save)
