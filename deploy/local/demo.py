"""`adrwatch demo`: the whole product on this machine with a sample of posts, from the first broker to the last alert."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Mount the command."""
    app.command()(demo)


def demo(
    once: Annotated[bool, typer.Option("--once", help="end by itself; exit 0 only if all is as expected")] = False,
    pipeline: Annotated[int, typer.Option(min=1, help="number of pipeline workers")] = 1,
    alerting: Annotated[int, typer.Option(min=1, help="number of alerting workers")] = 1,
) -> None:
    """Start everything, replay sample posts of nine weeks in seconds, and show what is found.

    The posts were written for this demo: four signals and one grave report are planted among others, and things that
    look like signals and are none. Of one signal, posts in Russian, Chinese, German and French hold a part each; the
    encoder of the models that read them is downloaded once (90 MB), and where it cannot be had, English is read alone. The
    last line on standard output is the account of `adrwatch reconcile`. Servers given by address
    (ADRWATCH_KAFKA_BOOTSTRAP ...) are used under names of the demo's own.

    Example: adrwatch demo --once
    """
    from rich.console import Console

    from deploy.demo.run import run
    from deploy.local.processes import StartCancelledError
    from deploy.local.up import say

    progress = Console(stderr=True)
    data_dir = Path(tempfile.mkdtemp(prefix="adrwatch-demo-"))
    try:
        good = run(data_dir, once=once, progress=progress, pipeline=pipeline, alerting=alerting)
    except StartCancelledError:
        shutil.rmtree(data_dir, ignore_errors=True)
        raise typer.Exit(130) from None
    except BaseException:
        say(progress, f"the logs are kept in {data_dir / 'logs'}")
        raise
    shutil.rmtree(data_dir, ignore_errors=True)
    if once and not good:
        raise typer.Exit(1)
