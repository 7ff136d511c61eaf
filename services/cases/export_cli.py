"""`adrwatch cases export`."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from services.cases.options import Reason, state_of, using
from shared.errors import AdrwatchError

if TYPE_CHECKING:
    from services.cases.casebook import Casebook
    from shared.cases.model import Case


class Layout(StrEnum):
    """Forms of exported cases."""

    E2B = "e2b-r3"
    CSV = "csv"
    XLSX = "xlsx"
    JSON = "json"


def export_cases(
    out: Annotated[Path, typer.Argument(help="file to write; for e2b-r3 one case, for the others all that are chosen")],
    layout: Annotated[Layout, typer.Option("--format", help="form of the file")] = Layout.E2B,
    case: Annotated[list[str] | None, typer.Option(help="id of a case; several times")] = None,
    state: Annotated[str | None, typer.Option(help="all cases in this state")] = None,
    sender: Annotated[str | None, typer.Option(help="e2b-r3: your identifier, as agreed with the receiver")] = None,
    receiver: Annotated[str | None, typer.Option(help="e2b-r3: the receiver's identifier")] = None,
    country: Annotated[str, typer.Option(help="e2b-r3: country of the report, ISO 3166, or EU")] = "EU",
    llt: Annotated[str | None, typer.Option(help="e2b-r3: code of the MedDRA lowest level term")] = None,
    schema: Annotated[
        Path | None, typer.Option(help="e2b-r3: folder of the ICH schema set, to check the message by (extra e2b)")
    ] = None,
    draft: Annotated[
        bool, typer.Option("--draft", help="e2b-r3: write what is incomplete, marked as no submission")
    ] = False,
    reason: Reason = "export",
) -> None:
    """Write cases as an E2B(R3) message or as a line listing. Each case that is written is recorded as exported in the audit trail.

    A message is refused, with all that is missing, where the case may not be submitted. Cases of sources whose terms do not
    allow it are never written: one that was asked for by --case is refused, others are left out and named.

    Example: adrwatch cases export case.xml --case 4f0c1d2e3b5a69788796 --sender ACME --receiver EVTEST
    """
    from services.cases import export, listing
    from services.cases.casebook import Casebook
    from services.cases.reference_safety import ReferenceSafety
    from shared import settings

    with using(Casebook) as opened:
        chosen, left_out = _chosen(opened, case, state)
        if layout is Layout.E2B:
            if len(chosen) != 1 or not sender or not receiver:
                raise AdrwatchError(
                    "an E2B(R3) message is of one case, from a sender to a receiver",
                    fix="give --case, --sender and --receiver",
                )

            def message(found: Case) -> bytes:
                content = export.e2b(settings.current(), found, llt, sender, receiver, country, draft=draft)
                if schema is not None:
                    export.check_schema(content, schema)
                return content

            content = opened.export(chosen[0], reason, message)
            listing.write(out, content)
            if draft:
                print("a draft, not for submission")
            return
        chosen_cases = [opened.export(one, reason, lambda found: found) for one in chosen]
    if layout is Layout.JSON:
        content = listing.json_lines([export.without_link(one) for one in chosen_cases])
    else:
        safety = ReferenceSafety.of(settings.current())
        rows = [export.listed(one, safety) for one in chosen_cases]
        content = listing.table("cases", export.LISTING, rows, workbook=layout is Layout.XLSX)
    listing.write(out, content)
    print(f"{len(chosen_cases)} cases" + (f", {left_out} left out by the terms of their sources" if left_out else ""))


def _chosen(opened: Casebook, named: list[str] | None, state: str | None) -> tuple[list[str], int]:
    """Ids of the cases to write, and how many were left out because they may not leave adrwatch.

    Raises AdrwatchError for a named one that is not there, or that may not leave.
    """
    from services.cases.export import barred
    from shared import settings

    everything = {one.id: one for one in opened.all(state_of(state) if state else None)}
    for one in named or ():
        if one not in everything:
            raise AdrwatchError(
                f"there is no case {one}" + (f" in state {state}" if state else ""), fix="see `adrwatch cases list`"
            )
    chosen = list(dict.fromkeys(named or everything))
    refused = barred(settings.current(), [everything[one] for one in chosen])
    if refused and named:
        raise AdrwatchError(
            "; ".join(f"case {one} may not be exported: {why}" for one, why in refused.items()),
            fix="leave it out; see case_export in docs/sources.md, and the terms of the source",
        )
    for one, why in refused.items():
        print(f"left out: case {one}: {why}", file=sys.stderr)
    return [one for one in chosen if one not in refused], len(refused)
