"""`adrwatch models`: list, verify, activate, rollback, record, languages, build-multilingual. Training adds `export`."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from services.groups import models
from services.models.languages_cli import languages
from services.models.multilingual_cli import build_multilingual
from shared.errors import AdrwatchError
from shared.settings import load

if TYPE_CHECKING:
    from shared.triton_security import TritonAddress

Repository = Annotated[Path | None, typer.Option(help="Model repository [default: ADRWATCH_MODEL_REPOSITORY].")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
Servers = Annotated[
    list[str] | None,
    typer.Option(
        "--server", help="host:port of a Triton that serves the repository; repeatable [ADRWATCH_TRITON_URL]."
    ),
]
Offline = Annotated[bool, typer.Option("--offline", help="Only change files: no server runs, or it is restarted.")]
Drain = Annotated[
    float, typer.Option(min=0, help="Seconds that the version before is kept at most, once workers go over.")
]
_NUMBER = re.compile(r"-?\d+(\.\d+)?")
_VERSION = "Number of a version, or its name; none: the active one."


def register(app: typer.Typer) -> None:
    """Add the group `models`."""
    models.command("list")(list_versions)
    models.command()(verify)
    models.command()(activate)
    models.command()(rollback)
    models.command()(record)
    models.command()(languages)
    models.command("build-multilingual")(build_multilingual)
    app.add_typer(models, name="models")


def list_versions(repository: Repository = None, servers: Servers = None, as_json: AsJson = False) -> None:
    """Show all versions: date, features, scores, which one is active, which are ready in Triton.

    Example: adrwatch models list --json
    """
    from services.models.server import reachable
    from services.models.versions import all_versions
    from shared.models.repository import read_active
    from shared.triton_security import TritonAddress

    settings, folder = load(), _folder(repository)
    active = read_active(folder)
    ready = {
        address: reachable(TritonAddress.of(settings, address))
        for address in servers or filter(None, [settings.triton_url])
    }
    rows: list[dict[str, Any]] = [
        {
            "number": version.number,
            "version": version.name,
            "active": version.number == active.version,
            "before": version.number in active.before,
            "exported_at": version.exported_at.isoformat() if version.exported_at else None,
            "digests": list(dict.fromkeys(version.digests)),
            "scores": dict(version.scores),
            "ready_in": [address for address, found in ready.items()
                         if found and all(version.number in numbers for numbers in found.values())],
            "trouble": version.trouble,
        }
        for version in all_versions(folder)
    ]  # fmt: skip
    if as_json:
        typer.echo(json.dumps({"repository": str(folder), "active": active.version, "before": list(active.before),
                               "servers": {address: found is not None for address, found in ready.items()},
                               "versions": rows}))  # fmt: skip
        return
    _table(rows)
    for address, found in ready.items():
        if found is None:
            typer.echo(f"no Triton answers at {address}")


def verify(
    version: Annotated[str, typer.Argument(help=_VERSION)] = "", repository: Repository = None, as_json: AsJson = False
) -> None:
    """Check a version by itself: files, features, graph, canaries, independence of the batch. Exit code 1 if one fails.

    Example: adrwatch models verify 2
    """
    from services.models import verify as verification
    from services.models.versions import find

    folder = _folder(repository)
    number = find(folder, version)
    checks = []
    for check in verification.verify(folder, number):
        checks.append(check)
        if not as_json:
            typer.echo(
                f"{'WRONG' if check.wrong else 'ok':5} {check.model}: {check.name}{check.wrong and ': '}{check.wrong}"
            )
    if as_json:
        found = [{"model": check.model, "check": check.name, "wrong": check.wrong} for check in checks]
        typer.echo(json.dumps({"version": number, "checks": found}))
    if any(check.wrong for check in checks):
        raise typer.Exit(1)


def activate(
    version: Annotated[str, typer.Argument(help="Number of a version, or its name.")],
    repository: Repository = None,
    servers: Servers = None,
    offline: Offline = False,
    drain: Drain = 10.0,
) -> None:
    """Go over to a version while posts go on; where a check fails, the present one stays.

    Example: adrwatch models activate 2
    """
    from services.models import roll
    from services.models.versions import find

    folder = _folder(repository)
    roll.activate(folder, find(folder, version), _addresses(servers, offline), drain, typer.echo)


def rollback(
    repository: Repository = None, servers: Servers = None, offline: Offline = False, drain: Drain = 10.0
) -> None:
    """Go back to the version that was active before, in the same way as `activate` goes to one.

    Example: adrwatch models rollback
    """
    from services.models import roll

    roll.roll_back(_folder(repository), _addresses(servers, offline), drain, typer.echo)


def record(
    version: Annotated[str, typer.Argument(help=_VERSION)] = "",
    repository: Repository = None,
    scores: Annotated[list[str] | None, typer.Option("--score", help="MODEL.NAME=NUMBER, repeatable.")] = None,
) -> None:
    """Write down a version that was put together by hand: digests of its files, and its answers to the canaries.

    `models export` does it by itself. Whoever records a version says that its files are right: nothing is compared.

    Example: adrwatch models record 2 --score adr_classifier.f1=0.53
    """
    from services.models.versions import find
    from services.models.versions import load as load_features
    from shared.models import release
    from shared.models.configuration import FEATURES, write_configuration
    from shared.models.repository import locked, read_active
    from shared.text.parse import default_parser

    folder = _folder(repository)
    with locked(folder):
        number = find(folder, version)
        given = _scores(scores or [], tuple(FEATURES))
        for name in FEATURES:
            release.record(folder / name / str(number), name, default_parser(), given.get(name))
            typer.echo(f"recorded {name} {number}")
        if number == read_active(folder).version:
            for name, features in zip(FEATURES, load_features(folder, number), strict=True):
                write_configuration(folder / name, {number: features})


def _folder(given: Path | None) -> Path:
    return given or load().model_repository


def _addresses(given: list[str] | None, offline: bool) -> list[TritonAddress]:
    from shared.triton_security import TritonAddress

    if offline:
        if given:
            raise AdrwatchError("--offline asks no server, but --server names one", fix="leave one of them out")
        return []
    settings = load()
    return [TritonAddress.of(settings, address) for address in given or [settings.require("triton_url")]]


def _scores(given: list[str], names: tuple[str, ...]) -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = {}
    for text in given:
        key, _, value = text.partition("=")
        model, _, name = key.partition(".")
        if model not in names or not name or not _NUMBER.fullmatch(value):
            raise AdrwatchError(f"no score: {text}", fix=f"--score {names[0]}.f1=0.53; models: {', '.join(names)}")
        found.setdefault(model, {})[name] = float(value)
    return found


def _table(rows: list[dict[str, Any]]) -> None:
    from rich.table import Table

    from shared.console import tables

    table = Table("number", "version", "exported", "features", "scores", "state", "ready in", box=None)
    for row in rows:
        state = "active" if row["active"] else "before" if row["before"] else ""
        table.add_row(
            str(row["number"]), row["version"] or "–", (row["exported_at"] or "–")[:16], " ".join(row["digests"]),
            " ".join(f"{name}={value:g}" for name, value in row["scores"].items()) or "–",
            f"{state} {row['trouble']}".strip(), " ".join(row["ready_in"]) or "–",
        )  # fmt: skip
    tables().print(table)
