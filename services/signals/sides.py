"""`adrwatch signals beside`: what several sources say of a pair."""

from __future__ import annotations

import sys
from enum import StrEnum
from typing import Annotated

import typer

from services.signals.options import Csv, Json, Most, Parquet, put


class Rule(StrEnum):
    """The rules that sources have alone and combined (`shared.signals.beside.RULES`)."""

    IC025 = "ic025"
    EB05 = "eb05"
    MHRA = "mhra"
    ROR = "ror"
    LLR = "llr"


def beside(
    sources: Annotated[
        list[str],
        typer.Argument(
            help="name=file, two at least: CSV, TSV (also .gz, .xz) or Parquet with report, drug, reaction; a store of `adrwatch "
            "background`; mentions.jsonl of a back-test"
        ),
    ],
    columns: Annotated[
        list[str] | None,
        typer.Option(
            "--columns",
            help="what files call their columns: report=ID,drug=NAME; for one alone: posts:report=ID,drug=NAME",
        ),
    ] = None,
    rule: Annotated[Rule, typer.Option(help="rule by which `flagged_by` tells who sees a pair")] = Rule.IC025,
    as_written: Annotated[
        bool, typer.Option("--as-written", help="compare names as they are, without lexicon and vocabulary")
    ] = False,
    least: Annotated[int, typer.Option(min=1, help="reports of a pair that all sources have together")] = 1,
    memory: Annotated[
        str, typer.Option(help="memory that counting may use, such as 2GB; what is more goes to disk")
    ] = "2GB",
    csv: Csv = None,
    parquet: Parquet = None,
    as_json: Json = False,
    by: Annotated[str, typer.Option(help="column by which the rows that are shown are chosen")] = "combined_ic025",
    most: Most = 20,
) -> None:
    """Sources side by side and combined: what each says of a pair by every measure, what they say together, and who flags it.

    Combined, what is expected of a pair is the sum of what each source leads to expect (Mantel-Haenszel), so that a pair which no
    source has enough of may stand out. Thresholds are those of ADRWATCH_RULES_FILE.

    Example: adrwatch signals beside posts=results/mentions.jsonl faers=background.duckdb --csv beside.csv
    """
    from services.signals import meaning
    from services.signals.sources import count, given
    from services.signals.writing import named
    from shared.settings import current
    from shared.signals.beside import COMBINED
    from shared.signals.beside import beside as compared
    from shared.signals.rules import load_rules

    wanted = given(sources, columns or ())
    settings = current()
    rules = load_rules(settings.rules_file)
    names = meaning.as_written if as_written else meaning.Meanings(settings)
    counted = count(wanted, names, memory, lambda text: print(text, file=sys.stderr))
    found = compared(counted.sources, counted.drug, counted.reaction, rules, rule.value, least)
    said = {f"{name}_rules": fired for name, fired in found.fired.items()}
    pairs = named(counted.drugs, counted.drug[found.kept], counted.reactions, counted.reaction[found.kept])
    texts = pairs | {"flagged_by": found.flagged_by}
    shown = [
        f"{name}_{column}" for name in (*(each.name for each in wanted), COMBINED) for column in ("a", "ic025", "eb05")
    ]
    put(texts | said if csv or parquet or as_json else texts, found.columns, shown, by, most, csv, parquet, as_json)
    for name in found.without_ebgm:
        print(f"adrwatch: no EBGM of {name}, for its prior cannot be told from its pairs", file=sys.stderr)
