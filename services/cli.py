"""The `adrwatch` command: mounts each service's commands and turns typed errors into one line and exit code 2."""

from __future__ import annotations

import functools
import sys
from importlib import import_module

import typer
from typer.exceptions import TyperException

from services.groups import worker
from shared.errors import AdrwatchError


@functools.cache
def build() -> typer.Typer:
    """The whole command tree, the same one for a process: services add their commands to shared groups once.

    A service is imported only when its command is asked for, so that help is quick.
    """
    app = typer.Typer(
        name="adrwatch",
        help="Watch public posts for adverse drug reactions and alert drug-safety teams.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode="rich",
    )
    app.callback()(_every_command)
    for module in COMMANDS:
        import_module(module).register(app)
    app.add_typer(worker, name="worker")
    return app


# In the order in which a newcomer meets them: run it, feed it, look at it, mend it, train it.
COMMANDS: tuple[str, ...] = (
    "deploy.local.up",
    "deploy.local.demo",
    "services.ingest.cli",
    "services.pipeline.cli",
    "services.alerting.cli",
    "services.subscribe.cli",
    "services.notify.cli",
    "services.cases.cli",
    "services.cases.review_cli",
    "services.cases.audit_cli",
    "services.dashboard.cli",
    "deploy.reconcile.command",
    "services.signals.cli",
    "services.background.cli",
    "services.backtest.cli",
    "services.backtest.compare_cli",
    "services.settings_command",
    "services.rights_command",
    "services.reference_command",
    "services.vocabulary.cli",
    "services.vocabulary.drugs_cli",
    "services.annotation.cli",
    "services.evaluation.cli",
    "services.models.cli",
    "services.backtest.reference_cli",
    "services.capacity.cli",
    "services.training.cli",
)


def _every_command() -> None:
    # Until a worker sets its own: a line of a log never stands among a command's answer.
    from shared import logs

    logs.configure("adrwatch", "WARNING")


# What shells call a command that Ctrl-C ended: 128 and the number of the signal.
_INTERRUPTED = 130


def usage(error: TyperException) -> str:
    """What is wrong with a command line, in one line."""
    return " ".join(error.format_message().replace("Value error, ", "").split()).removesuffix(".")


def main() -> None:
    """Entry point of the console command."""
    try:
        sys.exit(build()(prog_name="adrwatch", standalone_mode=False))
    except KeyboardInterrupt:
        sys.exit(_INTERRUPTED)
    except typer.Abort:
        sys.exit("adrwatch: stopped")
    except TyperException as error:
        # A group without a command has printed its help, and its error says nothing more.
        if wrong := usage(error):
            print(f"adrwatch: {wrong}", file=sys.stderr)
            if (context := getattr(error, "ctx", None)) is not None:
                print(f"  fix: see `{context.command_path} --help`", file=sys.stderr)
        sys.exit(error.exit_code)
    except AdrwatchError as error:
        print(f"adrwatch: {error.message}", file=sys.stderr)
        if error.fix:
            print(f"  fix: {error.fix}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
