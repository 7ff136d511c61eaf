"""`adrwatch cases duplicates`, `link` and `unlink`."""

from __future__ import annotations

from typing import Annotated

import typer

from services.cases.options import Json, Reason, using

First = Annotated[str, typer.Argument(metavar="ID", help="a case's id")]
Second = Annotated[str, typer.Argument(metavar="OTHER", help="the other case's id")]


def show_duplicates(
    days: Annotated[
        int | None,
        typer.Option(min=0, help="cases of one drug and reaction are flagged within so many days; 14 if not given"),
    ] = None,
    as_json: Json = False,
) -> None:
    """Hold all cases against each other again, and list pairs that may be of one patient and reaction, and why.

    Pairs are flagged when a case is opened, too; what is found now is flagged as well, but for drug and reaction alone. Nothing
    is decided: link what is one, so that it is not counted twice.

    Example: adrwatch cases duplicates --days 30
    """
    import msgspec

    from services.cases.casebook import Casebook
    from services.cases.lookup import hold_new_against_others
    from services.cases.view import suspected
    from shared import settings
    from shared.cases.duplicates import DAYS, suspicions
    from shared.console import tables

    with using(Casebook) as book:
        hold_new_against_others(settings.current(), book.automatic())
        book.automatic().flag_again()
        found = suspicions(book.all(), book.written(), DAYS if days is None else days)
    if as_json:
        for one in found:
            print(msgspec.json.encode(one).decode())
    elif found:
        tables().print(suspected(found))
    else:
        print("no duplicates")


def link(first: First, second: Second, reason: Reason, as_json: Json = False) -> None:
    """Note that two cases are of one patient and reaction. Neither is deleted or closed; both name the other.

    Example: adrwatch cases link 4f0c1d2e3b5a69788796 9b1de0c2a7f34e5d6c8a --reason "one author, same day"
    """
    _link(first, second, reason, linked=True, as_json=as_json)


def unlink(first: First, second: Second, reason: Reason, as_json: Json = False) -> None:
    """Take a link back.

    Example: adrwatch cases unlink 4f0c1d2e3b5a69788796 9b1de0c2a7f34e5d6c8a --reason "two patients"
    """
    _link(first, second, reason, linked=False, as_json=as_json)


def _link(first: str, second: str, reason: str, *, linked: bool, as_json: bool) -> None:
    import msgspec

    from services.cases.casebook import Casebook
    from services.cases.view import grid
    from shared.console import tables

    with using(Casebook) as book:
        found = book.link(first, second, reason, linked=linked)
    if as_json:
        for case in found:
            print(msgspec.json.encode(case).decode())
    else:
        tables().print(grid(found))
