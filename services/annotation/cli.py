"""`adrwatch annotate import|export|agreement`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from shared.errors import AdrwatchError

if TYPE_CHECKING:
    from services.annotation.agreement import Agreement

group = typer.Typer(
    help="Labels of your team: files of INCEpTION, WebAnno and brat into a corpus and out of it, and how far people agree.",
    no_args_is_help=True,
)
_FORMATS = ("xmi", "tsv", "brat")
AsJson = Annotated[bool, typer.Option("--json", help="Print as JSON.")]
Types = Annotated[
    list[str] | None, typer.Option(help="Another name of a type: OLD=NEW, such as ADR=reaction. May be given again.")
]
Without = Annotated[list[str] | None, typer.Option(help="A layer to leave out, by its full name. May be given again.")]
From = Annotated[
    str | None, typer.Option("--from", help="xmi, tsv or brat, where the source holds several.", metavar="FORMAT")
]


def register(app: typer.Typer) -> None:
    """Add the group `annotate`."""
    app.add_typer(group, name="annotate")


@group.command("import")
def import_(
    source: Annotated[Path, typer.Argument(help="File, folder or zip that the tool exported, also a whole project.")],
    corpus: Annotated[Path, typer.Argument(help="The new corpus, a .jsonl file.")],
    layout: From = None,
    annotator: Annotated[str | None, typer.Option(help="Whose annotations, where several people's are there.")] = None,
    types: Types = None,
    without: Without = None,
    as_json: AsJson = False,
) -> None:
    """Make a corpus of what an annotation tool exported, which `adrwatch evaluate` and `adrwatch train` read.

    Reads UIMA CAS XMI with its TypeSystem.xml, WebAnno TSV 3 (INCEpTION, WebAnno) and brat. Nothing is left out silently: what no
    corpus can hold is an error. The file holds what people wrote and is readable by you alone. Formats: docs/annotation.md.

    Example: adrwatch annotate import labelled/ corpus.jsonl
    """
    from collections import Counter

    from services.annotation import formats
    from services.annotation.writing import write_file
    from shared.corpora.documents import dumped, renamed

    _check(layout, "--from")
    found = renamed(formats.read(source, layout, annotator, without or ()), _names(types))
    write_file(corpus, dumped(found))
    counts = Counter(span.type for document in found for span in document.spans)
    labels = Counter(f"{name}={value}" for document in found for name, value in document.labels.items())
    links = Counter(link.type for document in found for link in document.links)
    if as_json:
        import json

        typer.echo(json.dumps({"documents": len(found), "mentions": counts, "relations": links, "labels": labels}))
        return
    typer.echo(f"{len(found)} documents in {corpus}")
    for what, each in (("mentions", counts), ("relations", links), ("labels", labels)):
        if each:
            typer.echo(f"{what}: {', '.join(f'{number} {name}' for name, number in each.most_common())}")


@group.command()
def export(
    corpus: Annotated[Path, typer.Argument(help="A corpus, or posts to label: JSON lines with id and text.")],
    folder: Annotated[Path, typer.Argument(help="The new folder.")],
    to: Annotated[str, typer.Option(help="xmi, tsv (both for INCEpTION and WebAnno) or brat.", metavar="FORMAT")],
    types: Types = None,
) -> None:
    """Write a corpus, or posts without labels, for an annotation tool: a file for each document.

    Reads what `adrwatch annotate import` and `adrwatch labels export` write, and any JSON lines with text. The folder holds what
    people wrote and is readable by you alone. It is there whole or not at all.

    Example: adrwatch annotate export corpus.jsonl to-label/ --to brat
    """
    from services.annotation import formats
    from services.annotation.writing import write_folder
    from shared.corpora.documents import read_documents, renamed

    _check(to, "--to")
    found = renamed(read_documents(corpus), _names(types))
    if not found:
        raise AdrwatchError(f"{corpus} holds no documents", fix="give JSON lines with id and text")
    files = formats.written(found, to)
    write_folder(folder, files)
    typer.echo(f"{len(found)} documents in {folder}, {len(files)} files")


@group.command("agreement")
def agreement_(
    annotators: Annotated[
        list[Path], typer.Argument(help="What each person's export or corpus is, two or more.", metavar="A B")
    ],
    types: Types = None,
    without: Without = None,
    as_json: AsJson = False,
) -> None:
    """Show how far annotators agree on mentions: strict and intersecting spans, tags strict or ignored.

    Of a document: matches / mentions of the one who marked more, in percent; then the mean over documents and over pairs of people.
    Documents are the same where their names are.

    Example: adrwatch annotate agreement ana/ ben/
    """
    from services.annotation import formats
    from services.annotation.agreement import agreement
    from shared.corpora.documents import renamed

    if len(annotators) < 2 or len(set(annotators)) < len(annotators):
        raise AdrwatchError("agreement is of two people or more", fix="give two different files, folders or zips")
    names = _names(types)
    found = agreement({str(path): renamed(formats.read(path, None, None, without or ()), names) for path in annotators})
    if as_json:
        import msgspec

        typer.echo(msgspec.json.encode(found).decode())
        return
    _show(found)


def _show(found: Agreement) -> None:
    from rich.table import Table

    from shared.console import tables

    table = Table("spans", "tags", "type", "agreement, %")
    for figure in (*found.figures, *found.by_type):
        said = "undefined" if figure.agreement is None else f"{figure.agreement:.1f}"
        table.add_row(figure.spans, figure.tags, figure.type or "all", said)
    tables().print(table)
    mentions = ", ".join(f"{name}: {number} mentions" for name, number in found.mentions.items())
    typer.echo(f"{found.documents} documents; {mentions}")
    if found.left_out:
        typer.echo(f"{found.left_out} documents are not in all, and left out")
    if found.without_mentions:
        typer.echo(f"{found.without_mentions} times neither of a pair marked anything: these count for nothing")


def _names(types: list[str] | None) -> dict[str, str]:
    found = {}
    for each in types or ():
        old, sign, new = each.partition("=")
        if not (old and sign and new):
            raise AdrwatchError(f"--types {each} renames nothing", fix="give OLD=NEW, such as --types ADR=reaction")
        found[old] = new
    return found


def _check(name: str | None, option: str) -> None:
    if name not in (None, *_FORMATS):
        raise AdrwatchError(f"there is no format {name}", fix=f"{option} is one of {', '.join(_FORMATS)}")
