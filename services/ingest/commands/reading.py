"""How files of posts are read: options that commands share, and the source that they make."""

from __future__ import annotations

import functools
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from shared.errors import AdrwatchError

if TYPE_CHECKING:
    from services.ingest.columns import Columns
    from services.ingest.replay import Replay
    from services.ingest.source import RawPost, Reject
    from shared.events import Post
    from shared.settings import Settings

Format = Literal["jsonl", "csv", "tsv"]
Files = Annotated[list[str], typer.Argument(help="JSONL, CSV or TSV, plain or .gz, .xz, .zst; - is standard input.")]
Form = Annotated[Format | None, typer.Option("--format", help="Where the file's name does not tell it.")]
IdColumn = Annotated[str | None, typer.Option("--id", help="Column of the post's id.")]
TextColumn = Annotated[str | None, typer.Option("--text", help="Column of the text.")]
TimeColumn = Annotated[str | None, typer.Option("--time", help="Column of the time; without offset it is UTC.")]
AuthorColumn = Annotated[str | None, typer.Option("--author", help="Column of the author; only a hash is kept.")]
SourceColumn = Annotated[str | None, typer.Option("--source", help="Column of the network's name.")]
LanguageColumn = Annotated[str | None, typer.Option("--language", help="Column of the language's code.")]
SourceName = Annotated[str, typer.Option(help="Name of the network where no column has it.")]
# What is not said is taken from the sources file, where it has a source of the posts' name.
Identifiers = Annotated[
    bool | None,
    typer.Option(
        "--identifiers/--no-identifiers", help="Keep author hashes; unset, as the sources file says, else yes."
    ),
]
AggregatesOnly = Annotated[
    bool | None,
    typer.Option(
        "--aggregates-only/--no-aggregates-only",
        help="Keep counts only: no author, hashed ids, no text once it is read; unset, as the sources file says.",
    ),
]
CaseExport = Annotated[
    bool | None,
    typer.Option(
        "--case-export/--no-case-export",
        help="Whether cases of these posts may be exported; unset, as the sources file says.",
    ),
]
Limit = Annotated[int | None, typer.Option(min=1, help="Stop after so many records.")]


def open_files(
    settings: Settings,
    files: list[str],
    form: str | None,
    wanted: Columns,
    source_name: str,
    *,
    identifiers: bool | None = None,
    aggregates_only: bool | None = None,
    case_export: bool | None = None,
    sort: bool = False,
    limit: int | None = None,
) -> tuple[Replay, Callable[[RawPost], Post | Reject]]:
    """The files as one source, and what makes a masked post, or a reject, of each of its posts.

    The policy is that of each post's source in the sources file, unless the options say otherwise. Raises AdrwatchError if a file
    is no text or lacks a column that is needed, the source's name cannot be one, or the policy contradicts itself.
    """
    from services.ingest.accept import Limits, accept
    from services.ingest.networks.configuration import load
    from services.ingest.policies import Governed, Policies, Said
    from services.ingest.readers import SOURCE_NAME, format_of, open_reader
    from services.ingest.replay import Replay
    from shared.events import now
    from shared.keyring import keyring
    from shared.text.identity import author_hash

    if not SOURCE_NAME.fullmatch(source_name):
        raise AdrwatchError(
            f"{source_name!r} is no name of a source", fix="use small letters, digits, - and _, such as forum-1"
        )
    secret = keyring(settings).current.secret
    hashed = functools.partial(author_hash, secret)
    known = {name: one.policy for name, one in load(settings).items()} if settings.sources_file else {}
    policies = Policies(
        known, Said(identifiers, aggregates_only, case_export), source_name, secret, settings.no_case_export.split(",")
    )
    readers = [
        Governed(open_reader(path, format_of(path, form), wanted, source_name, hashed), policies) for path in files
    ]
    source = Replay(readers, sort=sort, limit=limit)
    limits = Limits(settings.max_post_chars, timedelta(seconds=settings.future_limit))
    return source, lambda raw: accept(raw, policies.of(raw.source), limits, hashed, now())
