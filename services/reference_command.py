"""`adrwatch reference`: pages of the docs that are made from the code, so that the two cannot drift apart."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from prometheus_client.metrics import MetricWrapperBase

COMMANDS_HEAD = """# Commands

Made by `adrwatch reference commands`. Every command says the same with `--help`. A wrong command line ends with exit code 2 and one
sentence that names what is wrong and the fix; so does a server that is away or a file that is not there.
"""

METRICS_HEAD = """# Metrics

Made by `adrwatch reference metrics`. A worker answers Prometheus at `ADRWATCH_METRICS_PORT` (0, the default: nowhere). A counter
only rises while its worker lives and starts at 0 with it; a histogram has `_bucket`, `_sum` and `_count`. What to watch, and what
to do about it: [operators' guide](guides/operators.md#what-to-watch); rules and dashboards: [observe](observe.md).

| metric | kind | labels | meaning |
|---|---|---|---|
"""

_EXAMPLE = "Example:"
# What Typer calls an argument or option that may be given several times.
_LIST = re.compile(r" <list\[\w+\]>")
_COMMENT = re.compile(r"^# ?")

group = typer.Typer(help="Pages of the docs that are made from the code.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the group; its commands are added once, when this module is read."""
    app.add_typer(group, name="reference")


@group.command("commands")
def commands_page(context: typer.Context) -> None:
    """Print the page of all commands with their arguments, options and examples.

    Example: adrwatch reference commands > docs/commands.md
    """
    typer.echo(commands(typer.Context(context.find_root().command, info_name="adrwatch")), nl=False)


@group.command("metrics")
def metrics_page() -> None:
    """Print the page of all metrics with their kinds, labels and meanings.

    Example: adrwatch reference metrics > docs/metrics.md
    """
    typer.echo(metrics(), nl=False)


def commands(root: typer.Context) -> str:
    """The page of the tree whose context this is: a chapter for each command or group, in the order of its help."""
    parts = [COMMANDS_HEAD]
    for chapter in _inner(root):
        parts.append(f"\n## {chapter.command_path}\n\n")
        inner = list(_inner(chapter))
        parts.append(f"{_prose(chapter.command.help)}\n" if inner else _command(chapter))
        parts.extend(f"\n### {one.command_path}\n\n{_command(one)}" for one in inner)
    return "".join(parts)


def _inner(context: typer.Context) -> Iterator[typer.Context]:
    """A context for each command of a group; none where the context is of a command."""
    for name, command in getattr(context.command, "commands", {}).items():
        if not command.hidden:
            yield typer.Context(command, parent=context, info_name=name)


def _command(context: typer.Context) -> str:
    text, examples = _split(inspect.cleandoc(context.command.help or ""))
    usage = " ".join([context.command_path, *context.command.collect_usage_pieces(context)])
    lines = [f"`{usage}`\n\n{_prose(text)}\n"]
    if examples:
        lines.append(f"\n```sh\n{examples}\n```\n")
    rows = [record for one in context.command.params if (record := one.get_help_record(context))]
    if rows:
        lines.append("\n| argument or option | meaning |\n|---|---|\n")
        lines.extend(f"| `{_cell(name)}` | {_cell(meaning) or '–'} |\n" for name, meaning in rows)
    return "".join(lines)


def _split(text: str) -> tuple[str, str]:
    """What a command does, and the command lines that its docstring ends with."""
    paragraphs = re.split(r"\n\s*\n", text)
    examples = [one for one in paragraphs if one.startswith(_EXAMPLE)]
    told = [one for one in paragraphs if one not in examples]
    return "\n\n".join(told), "\n".join(" ".join(one.removeprefix(_EXAMPLE).split()) for one in examples)


def _prose(text: str | None) -> str:
    """Paragraphs on one line each: where the terminal breaks lines means nothing here."""
    paragraphs = re.split(r"\n\s*\n", inspect.cleandoc((text or "").replace("\b", "")))
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs).strip()


def _cell(text: str) -> str:
    return " ".join(_LIST.sub("", text).split()).replace("|", "\\|")


def metrics() -> str:
    """The page of the metrics: names as Prometheus sees them, meanings as they stand beside the declarations."""
    rows = []
    for meaning, metric in _declared():
        (family,) = metric.describe()
        name = f"{family.name}_total" if family.type == "counter" else family.name
        labels = ", ".join(f"`{label}`" for label in metric._labelnames) or "–"
        rows.append(f"| `{name}` | {family.type} | {labels} | {meaning or f'{family.documentation}.'} |\n")
    return METRICS_HEAD + "".join(rows)


def _declared() -> Iterator[tuple[str, MetricWrapperBase]]:
    """Every metric with the comment above its declaration, in the order of the file."""
    from prometheus_client.metrics import MetricWrapperBase

    from shared import metrics as declarations

    comment: list[str] = []
    for line in inspect.getsource(declarations).splitlines():
        if line.startswith("#"):
            comment.append(_COMMENT.sub("", line))
            continue
        metric = getattr(declarations, line.split(" = ")[0], None) if " = " in line else None
        if isinstance(metric, MetricWrapperBase):
            yield " ".join(comment).replace("|", "\\|"), metric
        comment = []
