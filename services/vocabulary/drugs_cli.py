"""`adrwatch drugs list|show|add|remove|exclude|import|export`: a team's own drug list, which workers take up while they run."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from shared.errors import AdrwatchError

if TYPE_CHECKING:
    from services.vocabulary.listing import Change, DrugList, Known

group = typer.Typer(
    help="Your own names of drugs, over those that adrwatch ships with; workers take a change up within seconds.",
    no_args_is_help=True,
)
Names = Annotated[
    list[str], typer.Argument(metavar="NAME...", help="One or more names, each in quotes if it has spaces.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print as JSON.")]


def register(app: typer.Typer) -> None:
    """Mount the group."""
    app.add_typer(group, name="drugs")


@group.command("list")
def show_all(
    drug: Annotated[str | None, typer.Option(help="All names of this ingredient: its id, or one of its names.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show the list, or every name of one ingredient and where each comes from.

    Example: adrwatch drugs list --drug sertraline
    """
    listed = _list()
    _print(listed.own() if drug is None else listed.of_drug(drug), as_json)


@group.command()
def show(name: Annotated[str, typer.Argument(help="A name, as people write it.")], as_json: AsJson = False) -> None:
    """Show what one name counts as. Exit code 1: it is no name of a drug.

    Example: adrwatch drugs show zoloft
    """
    found = _list().known(name)
    _print([found], as_json)
    if found.origin == "unknown":
        raise typer.Exit(1)


@group.command()
def add(
    names: Names,
    drug: Annotated[
        str, typer.Option(help="The ingredient: its id, one of its names, or a new id such as own:novelmab.")
    ],
    kind: Annotated[str, typer.Option(help="name, brand, misspelling or slang")] = "name",
    label: Annotated[str, typer.Option(help="The name of a new ingredient.")] = "",
    needs_context: Annotated[
        bool, typer.Option("--needs-context", help="Counts only near a dose, a word of medicine or another drug.")
    ] = False,
    misspelt: Annotated[
        bool, typer.Option("--misspellings", help="Add likely misspellings too; shows them first.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: AsJson = False,
) -> None:
    """Add names of an ingredient.

    Example: adrwatch drugs add novelmab Novelza --drug own:novelmab --label novelmab --misspellings
    """
    from shared.vocabulary.own import EXCLUDED
    from shared.vocabulary.own_file import named

    listed = _list()
    if kind == EXCLUDED:
        raise AdrwatchError("a name is added as name, brand, misspelling or slang", fix="see `adrwatch drugs exclude`")
    concept = listed.ingredient(drug, label)
    row = {"drug": concept.id, "label": concept.label, "kind": kind, "needs_context": "yes" if needs_context else ""}
    put = {}
    for name in names:
        one = named({"name": name, **row}, listed.shipped, {concept.id: concept})
        put[one.name] = one
    for known in map(listed.known, put):
        if known.everyday and not needs_context:
            print(
                f"warning: {known.name!r} is an everyday word; --needs-context keeps other posts out", file=sys.stderr
            )
    if misspelt:
        found = [one for one in listed.misspelt(list(put.values())) if one.name not in put]
        print(f"{len(found)} misspellings: {', '.join(one.name for one in found)}", file=sys.stderr)
        if found and not yes:
            typer.confirm("add them?", abort=True, err=True)
        put |= {one.name: one for one in found}
    _tell(listed.change(put), as_json)


@group.command()
def remove(names: Names, as_json: AsJson = False) -> None:
    """Take names out of the list; shipped ones among them count as before.

    Example: adrwatch drugs remove novelza
    """
    from services.vocabulary.listing import missing
    from shared.vocabulary.own import normal_name

    listed = _list()
    given = [normal_name(name) for name in names]
    missing(given, listed.names, listed.shipped.names)
    _tell(listed.change({}, given), as_json)


@group.command()
def exclude(
    names: Names,
    unless_context: Annotated[
        bool, typer.Option("--unless-context", help="They still count near a dose, a word of medicine or another drug.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Let shipped names count no more; `drugs remove` takes that back.

    Example: adrwatch drugs exclude singular --unless-context
    """
    from shared.vocabulary.own import EXCLUDED
    from shared.vocabulary.own_file import named

    listed = _list()
    row = {"kind": EXCLUDED, "needs_context": "yes" if unless_context else ""}
    put = [named({"name": name, **row}, listed.shipped, {}) for name in names]
    _tell(listed.change({one.name: one for one in put}), as_json)


@group.command("import")
def take(
    file: Annotated[Path, typer.Argument(help="CSV, TSV or TOML, as `drugs export` writes it.")],
    replace: Annotated[bool, typer.Option("--replace", help="Names that the file lacks leave the list.")] = False,
    check: Annotated[bool, typer.Option("--check", help="Only say what is wrong, and what would change.")] = False,
    as_json: AsJson = False,
) -> None:
    """Take the names of a file into the list: all of them, or, where one line is wrong, none.

    Example: adrwatch drugs import names.csv --check
    """
    from shared.vocabulary import own_file

    listed = _list()
    put = own_file.read(file, listed.shipped, {} if replace else listed.names)
    _tell(listed.change(put, list(listed.names) if replace else (), write=not check), as_json, check=check)


@group.command("export")
def give(
    file: Annotated[
        Path | None, typer.Argument(help="CSV, TSV or TOML by its ending [default: CSV to the output]")
    ] = None,
) -> None:
    """Write the list to a file that `drugs import`, `backtest --drugs` and ADRWATCH_DRUGS_FILE take.

    Example: adrwatch drugs export drugs.csv
    """
    from shared.vocabulary import own_file

    form = "csv" if file is None else own_file.form_of(file)
    text = own_file.write(_list().names, form)
    if file is None:
        print(text, end="")
        return
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise AdrwatchError(f"{file} cannot be written: {error.strerror}", fix="choose another place") from None


def _list() -> DrugList:
    from services.vocabulary.listing import DrugList
    from shared import logs
    from shared.settings import current

    settings = current()
    logs.configure("drugs", settings.log_level)
    return DrugList(settings)


def _print(found: Sequence[Known], as_json: bool) -> None:
    from rich.table import Table

    from shared.console import tables

    if as_json:
        print(json.dumps([dataclasses.asdict(one) for one in found]))
        return
    table = Table("name", "from", "kind", "drug", "label", "needs context", "everyday word")
    for one in found:
        marks = ("yes" if one.needs_context else "", "yes" if one.everyday else "")
        table.add_row(one.name, one.origin, one.kind, one.drug, one.label, *marks)
    tables().print(table)


def _tell(change: Change, as_json: bool, *, check: bool = False) -> None:
    if as_json:
        print(json.dumps(dataclasses.asdict(change)))
        return
    counts = f"{change.added} added, {change.changed} changed, {change.removed} removed, {change.unchanged} as before"
    print(f"{'would be: ' if check else ''}{counts}; version {change.version or 'none'}")
