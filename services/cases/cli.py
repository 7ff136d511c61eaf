"""`adrwatch cases`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from services import groups
from shared.errors import AdrwatchError

if TYPE_CHECKING:
    from services.cases.casebook import Casebook


class Layout(StrEnum):
    """Forms of exported cases."""

    E2B = "e2b-r3"
    CSV = "csv"
    XLSX = "xlsx"
    JSON = "json"


cases = typer.Typer(help="Individual cases: open, assess, follow.", no_args_is_help=True)

Id = Annotated[str, typer.Argument(metavar="ID", help="a case's id")]
Json = Annotated[bool, typer.Option("--json", help="JSON, for machines")]
Reason = Annotated[str, typer.Option("--reason", help="why; it stands in the audit trail, so name no person in it")]


def register(app: typer.Typer) -> None:
    """Add the group `cases`, and its worker."""
    groups.worker.command("cases")(run_worker)
    app.add_typer(cases, name="cases")


def run_worker() -> None:
    """Take posts that were deleted at their source out of their cases.

    Example: adrwatch worker cases
    """
    from services.cases.audit import Trail
    from services.cases.casebook import Casebook
    from services.cases.database import Database
    from services.cases.forget import CaseForgetter
    from shared import settings
    from shared.stream import Worker
    from shared.topics import DELETIONS

    current = settings.current()
    book = Casebook(Database.opened(current), Trail.of(current), "adrwatch")
    worker = Worker("cases", current)
    worker.batch_agent(DELETIONS, CaseForgetter(book).handle, stage="case-deletions")
    worker.run()


@cases.command("open")
def open_case(
    alert: Annotated[str, typer.Argument(metavar="ALERT", help="id of an item of the single-report queue")],
    reason: Reason = "opened from the single-report queue",
    as_json: Json = False,
) -> None:
    """Open a case from an item of the single-report queue; of an item that has one already, that one is given.

    Example: adrwatch cases open 2a572d25309cd2184f6f
    """
    from services.cases.queue import item
    from shared import settings
    from shared.signals.rules import load_rules

    current = settings.current()
    single = load_rules(current.rules_file).single_report
    found = item(current, alert)
    serious, situations = (
        tuple(name for name in found.rules if name in part.criteria) for part in (single.serious, single.situations)
    )
    with _book() as book:
        _show(book.open(found, serious, situations, reason), as_json)


@cases.command("list")
def list_cases(
    state: Annotated[str | None, typer.Option(help="only cases in this state")] = None, as_json: Json = False
) -> None:
    """List cases, the newest first.

    Example: adrwatch cases list --state "under assessment"
    """
    import msgspec

    from services.cases.view import grid
    from shared.console import tables

    _check_state(state)
    with _book() as book:
        found = book.all(state)
    if as_json:
        for case in found:
            print(msgspec.json.encode(msgspec.structs.replace(case, narrative="")).decode())
    elif found:
        tables().print(grid(found))
    else:
        print("no cases")


@cases.command("show")
def show_case(case_id: Id, reason: Reason = "assessment", as_json: Json = False) -> None:
    """Show everything of one case. The look is recorded in the audit trail.

    Example: adrwatch cases show 4f0c1d2e3b5a69788796
    """
    import msgspec

    from services.cases.view import card
    from shared.console import tables

    with _book() as book:
        case, comments = book.look(case_id, reason)
    if as_json:
        print(msgspec.json.encode({"case": case, "comments": comments}).decode())
    else:
        tables().print(card(case, comments))


@cases.command("state")
def set_state(
    case_id: Id,
    state: Annotated[str, typer.Argument(help="new, triaged, under assessment, confirmed, refuted or closed")],
    reason: Annotated[str, typer.Option("--reason", help="why; it stands in the audit trail")],
    as_json: Json = False,
) -> None:
    """Bring a case to its next state. A closed case is never opened again.

    Example: adrwatch cases state 4f0c1d2e3b5a69788796 triaged --reason "a patient is identifiable"
    """
    _check_state(state)
    with _book() as book:
        _show(book.move(case_id, state, reason), as_json)  # type: ignore[arg-type]


@cases.command("assess")
def assess(
    case_id: Id,
    reason: Annotated[str, typer.Option("--reason", help="why; it stands in the audit trail")],
    criterion: Annotated[
        list[str] | None,
        typer.Option(help="reporter, patient, product or reaction = met, 'not met' or unknown; several times"),
    ] = None,
    serious: Annotated[
        list[str] | None,
        typer.Option(help="a criterion of seriousness = confirmed or rejected, such as death=confirmed"),
    ] = None,
    awareness: Annotated[str | None, typer.Option(help="day 0, such as 2026-03-01")] = None,
    who_umc: Annotated[str | None, typer.Option(help="category of the WHO-UMC system: see `cases forms`")] = None,
    naranjo: Annotated[
        str | None, typer.Option(help="ten answers with commas between: yes, no or unknown (`cases forms`)")
    ] = None,
    narrative: Annotated[Path | None, typer.Option(help="file with the narrative, in your own words")] = None,
    assignee: Annotated[str | None, typer.Option(help="who assesses it")] = None,
    as_json: Json = False,
) -> None:
    """Say what is known of a case. Day 0, with all four minimum criteria met, starts the clocks.

    Example: adrwatch cases assess ID --criterion patient=met --serious death=confirmed --awareness 2026-03-01 --reason "call back"
    """
    from datetime import date

    import msgspec

    from shared.cases.causality import naranjo_score
    from shared.cases.causality import who_umc as category
    from shared.cases.model import Case, judged

    changed: dict[str, Any] = {}
    if awareness is not None:
        try:
            changed["awareness"] = date.fromisoformat(awareness)
        except ValueError:
            raise AdrwatchError(f"--awareness {awareness!r} is no day", fix="write it as 2026-03-01") from None
    if who_umc is not None:
        changed["who_umc"] = category(who_umc).name
    if naranjo is not None:
        answers = tuple(answer.strip().lower() for answer in naranjo.split(","))
        naranjo_score(answers)
        changed["naranjo"] = answers
    if narrative is not None:
        changed["narrative"] = _text(narrative)
    if assignee is not None:
        changed["assignee"] = assignee

    def how(case: Case) -> Case:
        case = judged(case, criteria=_pairs("--criterion", criterion), seriousness=_pairs("--serious", serious))
        return msgspec.structs.replace(case, **changed)

    with _book() as book:
        _show(book.change(case_id, "assess", reason, how), as_json)


@cases.command("comment")
def comment(case_id: Id, text: Annotated[str, typer.Argument(help="what is to be noted")]) -> None:
    """Add a comment to a case.

    Example: adrwatch cases comment 4f0c1d2e3b5a69788796 "asked the reporter for the dose"
    """
    with _book() as book:
        book.comment(case_id, text)


@cases.command("export")
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
    """Write cases as an E2B(R3) message or as a line listing. Each case that is written is recorded as read in the audit trail.

    A message is refused, with all that is missing, where the case may not be submitted.

    Example: adrwatch cases export case.xml --case 4f0c1d2e3b5a69788796 --sender ACME --receiver EVTEST
    """
    from services.cases import export as write
    from shared import settings

    _check_state(state)
    with _book() as book:
        chosen = case or [one.id for one in book.all(state)]
        if layout is Layout.E2B:
            if len(chosen) != 1 or not sender or not receiver:
                raise AdrwatchError(
                    "an E2B(R3) message is of one case, from a sender to a receiver",
                    fix="give --case, --sender and --receiver",
                )
            found = book.look(chosen[0], reason)[0]
            content = write.e2b(settings.current(), found, llt, sender, receiver, country, draft=draft)
            if schema is not None:
                write.check_schema(content, schema)
            _write(out, content)
            if draft:
                print("a draft, not for submission")
            return
        listed = [book.look(one, reason)[0] for one in chosen]
    render = {Layout.XLSX: write.xlsx, Layout.CSV: write.csv_listing, Layout.JSON: write.json_lines}[layout]
    _write(out, render(listed))
    print(f"{len(listed)} cases")


@cases.command("forms")
def show_forms() -> None:
    """Print the questions of Naranjo's scale and the categories of the WHO-UMC system.

    Example: adrwatch cases forms
    """
    from shared.cases.causality import forms

    print("Naranjo's scale, answers in this order (points for yes, no):")
    for number, question in enumerate(forms().naranjo, start=1):
        print(f"{number:>3}. {question.text} ({question.yes:+d}, {question.no:+d})")
    print("\nWHO-UMC:")
    for category in forms().who_umc:
        print(f"  {category.name}: {'; '.join(category.needs)}")


@cases.command("upgrade")
def upgrade() -> None:
    """Bring the tables of the database up to this program's version. Make a backup first.

    Example: adrwatch cases upgrade
    """
    from services.cases.database import Database
    from shared import settings

    database = Database.connected(settings.current())
    database.upgrade()
    print(f"{database.address} is up to date")
    database.close()


@contextmanager
def _book() -> Iterator[Casebook]:
    import getpass

    from services.cases.audit import Trail
    from services.cases.casebook import Casebook
    from services.cases.database import Database
    from shared import settings

    current = settings.current()
    with Database.used(current) as database:
        yield Casebook(database, Trail.of(current), current.actor or getpass.getuser())


def _show(case: Any, as_json: bool) -> None:
    import msgspec

    from services.cases.view import grid
    from shared.console import tables

    if as_json:
        print(msgspec.json.encode(case).decode())
    else:
        tables().print(grid([case]))


def _check_state(state: str | None) -> None:
    from shared.cases.model import TRANSITIONS

    if state is not None and state not in TRANSITIONS:
        raise AdrwatchError(f"there is no state {state}", fix=f"states are {', '.join(TRANSITIONS)}")


def _pairs(option: str, given: list[str] | None) -> dict[str, str]:
    found = {}
    for pair in given or []:
        name, sign, word = pair.partition("=")
        if not sign:
            raise AdrwatchError(f"{option} {pair!r} says nothing", fix="write NAME=WORD, such as patient=met")
        found[name.strip()] = word.strip()
    return found


def _write(path: Path, content: bytes) -> None:
    try:
        path.write_bytes(content)
    except OSError as error:
        raise AdrwatchError(
            f"{path} cannot be written: {error.strerror}", fix="give a file in a folder that exists"
        ) from None


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise AdrwatchError(f"{path} cannot be read: {error}", fix="give a text file in UTF-8") from None
