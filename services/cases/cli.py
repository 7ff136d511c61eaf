"""`adrwatch cases`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from services import groups
from services.cases.duplicates_cli import link, show_duplicates, unlink
from services.cases.export_cli import export_cases
from services.cases.options import Assignee, Comment, Json, Reason, state_of, using
from shared.errors import AdrwatchError

# So long waits what a command could not do because the broker was away.
_AGAIN_SECONDS = 5.0

cases = typer.Typer(help="Individual cases: open, assess, follow.", no_args_is_help=True)

Id = Annotated[str, typer.Argument(metavar="ID", help="a case's id")]


def register(app: typer.Typer) -> None:
    """Add the group `cases`, and its worker."""
    groups.worker.command("cases")(run_worker)
    cases.command("export")(export_cases)
    cases.command("duplicates")(show_duplicates)
    cases.command("link")(link)
    cases.command("unlink")(unlink)
    app.add_typer(cases, name="cases")


def run_worker() -> None:
    """Take deleted posts out of cases; keep receipts of deletions; flag cases that may be one; tell alerting of closed signals.

    Example: adrwatch worker cases
    """
    import asyncio

    from services.cases.announce import announce
    from services.cases.audit import Trail
    from services.cases.book import MACHINE
    from services.cases.casebook import Casebook
    from services.cases.database import DATABASE, DATABASE_FIX, Database
    from services.cases.forget import CaseForgetter
    from services.cases.lookup import hold_new_against_others
    from services.cases.receipts import Receipts
    from services.cases.reviews import Reviews
    from shared import health_port, settings
    from shared.health import HEALTH
    from shared.stream.worker import Worker
    from shared.topics import DELETIONS, FORGOTTEN

    current = settings.current()
    health_port.serve("cases", current)
    HEALTH.needs(DATABASE, DATABASE_FIX)
    database, trail = Database.opened(current), Trail.of(current)
    book, reviews = Casebook(database, trail, MACHINE), Reviews(database, trail, MACHINE)
    receipts = Receipts(database, trail)

    async def tell() -> None:
        await asyncio.to_thread(announce, current, reviews)

    async def flag() -> None:
        await asyncio.to_thread(hold_new_against_others, current, book)

    worker = Worker("cases", current)
    worker.batch_agent(DELETIONS, CaseForgetter(book, receipts).handle, stage="case-deletions")
    worker.batch_agent(FORGOTTEN, receipts.handle, stage="receipts")
    worker.every(_AGAIN_SECONDS, tell, name="closures")
    worker.every(_AGAIN_SECONDS, flag, name="duplicates")
    worker.run()


@cases.command("open")
def open_case(
    alert: Annotated[str, typer.Argument(metavar="ALERT", help="id of an item of the single-report queue")],
    reason: Reason = "opened from the single-report queue",
    as_json: Json = False,
) -> None:
    """Open a case from an item of the single-report queue; of an item that has one already, that one is given.

    It is held against the other cases: those that may be of the same patient and reaction are flagged, and named on stderr.

    Example: adrwatch cases open 2a572d25309cd2184f6f
    """
    from services.cases.casebook import Casebook
    from services.cases.lookup import hold_new_against_others
    from services.cases.queue import item
    from shared import settings
    from shared.cases.duplicates import because
    from shared.errors import DependencyAway
    from shared.signals.rules import load_rules

    current = settings.current()
    single = load_rules(current.rules_file).single_report
    found = item(current, alert)
    serious, situations = (
        tuple(name for name in found.rules if name in part.criteria) for part in (single.serious, single.situations)
    )
    with using(Casebook) as book:
        case = book.open(found, serious, situations, reason)
        try:
            flagged = hold_new_against_others(current, book.automatic())
        except DependencyAway as error:
            flagged = {}
            print(f"adrwatch: the case is opened, but not yet held against others: {error.message}", file=sys.stderr)
            print("  fix: nothing, if `adrwatch worker cases` runs: it does that", file=sys.stderr)
        case = flagged.get(case.id, case)
        for flag in case.flags:
            why = because(flag.reasons, flag.similarity)
            print(f"adrwatch: it may be one with case {flag.case}: {why}", file=sys.stderr)
        _show(case, as_json)


@cases.command("list")
def list_cases(
    state: Annotated[str | None, typer.Option(help="only cases in this state")] = None, as_json: Json = False
) -> None:
    """List cases, the newest first.

    Example: adrwatch cases list --state "under assessment"
    """
    import msgspec

    from services.cases.casebook import Casebook
    from services.cases.view import grid
    from shared.console import tables

    with using(Casebook) as book:
        found = book.all(state_of(state) if state else None)
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

    from services.cases.casebook import Casebook
    from services.cases.reference_safety import ReferenceSafety
    from services.cases.view import card
    from shared import settings
    from shared.console import tables

    with using(Casebook) as book:
        case, comments = book.look(case_id, reason)
    safety = ReferenceSafety.of(settings.current())
    suggestion = safety.suggest(case.drug, case.reaction) if safety else None
    if as_json:
        print(msgspec.json.encode({"case": case, "comments": comments, "listedness": suggestion}).decode())
    else:
        tables().print(card(case, comments, suggestion))


@cases.command("state")
def set_state(
    case_id: Id,
    state: Annotated[str, typer.Argument(help="new, triaged, under assessment, confirmed, refuted or closed")],
    reason: Reason,
    as_json: Json = False,
) -> None:
    """Bring a case to its next state. A closed case is never opened again.

    Example: adrwatch cases state 4f0c1d2e3b5a69788796 triaged --reason "a patient is identifiable"
    """
    from services.cases.casebook import Casebook

    with using(Casebook) as book:
        _show(book.move(case_id, state_of(state), reason), as_json)


@cases.command("assess")
def assess(
    case_id: Id,
    reason: Reason,
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
    assignee: Assignee = None,
    listedness: Annotated[
        str | None,
        typer.Option(
            help="whether the reference safety information lists the reaction: listed, 'not listed' or unknown"
        ),
    ] = None,
    not_serious: Annotated[
        bool, typer.Option("--not-serious", help="no criterion of seriousness is met: all six are rejected")
    ] = False,
    source: Annotated[
        str | None, typer.Option(help="where the post came from, such as x; only where that is not known any more")
    ] = None,
    situations: Annotated[
        str | None, typer.Option(help="special situations with commas between, such as pregnancy,overdose; '' for none")
    ] = None,
    as_json: Json = False,
) -> None:
    """Say what is known of a case. Day 0, with all four minimum criteria met, starts the clocks.

    Example: adrwatch cases assess ID --criterion patient=met --serious death=confirmed --awareness 2026-03-01 --reason "call back"
    """
    from services.cases.assessing import assessed
    from services.cases.casebook import Casebook
    from shared.cases.model import SERIOUSNESS, Case

    judgements = dict.fromkeys(SERIOUSNESS if not_serious else (), "rejected") | _pairs("--serious", serious)
    criteria, text = _pairs("--criterion", criterion), None if narrative is None else _text(narrative)

    def how(case: Case) -> Case:
        return assessed(
            case,
            criteria=criteria,
            seriousness=judgements,
            situations=None
            if situations is None
            else [word for each in situations.split(",") if (word := each.strip())],
            awareness=awareness,
            who_umc=who_umc,
            naranjo=None if naranjo is None else naranjo.split(","),
            listedness=listedness,
            narrative=text,
            assignee=assignee,
            source=source,
        )

    with using(Casebook) as book:
        _show(book.change(case_id, "assess", reason, how), as_json)


@cases.command("comment")
def comment(case_id: Id, text: Comment) -> None:
    """Add a comment to a case.

    Example: adrwatch cases comment 4f0c1d2e3b5a69788796 "asked the reporter for the dose"
    """
    from services.cases.casebook import Casebook

    with using(Casebook) as book:
        book.comment(case_id, text)


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


def _show(case: Any, as_json: bool) -> None:
    import msgspec

    from services.cases.view import grid
    from shared.console import tables

    if as_json:
        print(msgspec.json.encode(case).decode())
    else:
        tables().print(grid([case]))


def _pairs(option: str, given: list[str] | None) -> dict[str, str]:
    found = {}
    for pair in given or []:
        name, sign, word = pair.partition("=")
        if not sign:
            raise AdrwatchError(f"{option} {pair!r} says nothing", fix="write NAME=WORD, such as patient=met")
        found[name.strip()] = word.strip()
    return found


def _text(path: Path) -> str:
    from shared.text.plain import plain

    try:
        return plain(path.read_text(encoding="utf-8").strip(), str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise AdrwatchError(f"{path} cannot be read: {error}", fix="give a text file in UTF-8") from None
