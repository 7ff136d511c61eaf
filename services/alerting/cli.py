"""The commands of alerting: `adrwatch worker alerting`, `adrwatch alerts`, `adrwatch rules`."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from services import groups
from services.alerting.duplicates_cli import show_duplicates

if TYPE_CHECKING:
    from shared.events import Alert
    from shared.latest_alerts import Filter, LatestAlerts

alerts = typer.Typer(help="Look at signals and single reports.", no_args_is_help=True)
rules = typer.Typer(help="Look at the rules of alerting and test changed ones.", no_args_is_help=True)

windows = typer.Typer(help="Check what Redis holds against the topics, or make it anew.", no_args_is_help=True)

Json = Annotated[bool, typer.Option("--json", help="one JSON object a line, for machines")]


class Kind(StrEnum):
    """The kinds of alerts."""

    disproportionality = "disproportionality"
    single_report = "single_report"


def register(app: typer.Typer) -> None:
    """Add the commands of alerting."""
    groups.worker.command("alerting")(run_worker)
    alerts.command("duplicates")(show_duplicates)
    app.add_typer(alerts, name="alerts")
    app.add_typer(rules, name="rules")
    app.add_typer(windows, name="windows")


def run_worker() -> None:
    """Count reports, evaluate rules on closed buckets, publish alerts.

    Example: ADRWATCH_WORKER_ID=2 adrwatch worker alerting
    """
    from services.alerting.worker import build
    from shared import health_port, settings

    current = settings.current()
    health_port.serve("alerting", current)
    build(current).run()


@alerts.command("list")
def list_alerts(
    as_json: Json = False,
    kind: Annotated[Kind | None, typer.Option(help="only alerts of this kind")] = None,
    drug: Annotated[str | None, typer.Option(help="only this drug: its id, or a part of its name")] = None,
    since: Annotated[str | None, typer.Option(help="only alerts from this day or moment (UTC) on")] = None,
    measures: Annotated[
        bool, typer.Option("--measures", help="all measures of signals, side by side, in the place of the list")
    ] = False,
    follow: Annotated[bool, typer.Option("--follow", help="stay, and show alerts as they come")] = False,
) -> None:
    """List alerts, the latest first; an alert that was updated appears once.

    Example: adrwatch alerts list --drug sertraline --since 2026-03-01
    """
    from shared import settings
    from shared.broker import TopicReader
    from shared.latest_alerts import Filter, LatestAlerts
    from shared.times import option
    from shared.topics import ALERTS

    wanted = Filter(kind.value if kind else None, drug, None if since is None else option("--since", since))
    latest = LatestAlerts()
    with TopicReader(settings.current(), ALERTS) as reader:
        for record in reader.to_end():
            latest.apply(record)
        _show(latest, wanted, as_json, measures)
        if follow:
            try:
                for record in reader.follow():
                    alert = latest.apply(record)
                    if record.value is None:
                        _taken_back((record.key or b"").decode(errors="replace"), as_json)
                    elif alert is not None and wanted.wants(alert):
                        _print([alert], as_json, measures)
            except KeyboardInterrupt:
                return


@alerts.command("show")
def show_alert(alert_id: Annotated[str, typer.Argument(metavar="ID")], as_json: Json = False) -> None:
    """Show everything that is known of one alert. Exits with 1 when there is none of that id.

    Example: adrwatch alerts show 4f0c1d2e3b5a69788796
    """
    from services.alerting.codes import codes_of
    from services.alerting.view import card
    from shared import settings
    from shared.console import tables
    from shared.latest_alerts import latest_alerts

    alert = latest_alerts(settings.current()).get(alert_id)
    if alert is None:
        print(f"adrwatch: there is no alert {alert_id}, or it was taken back", file=sys.stderr)
        print("  fix: see `adrwatch alerts list`", file=sys.stderr)
        raise typer.Exit(1)
    if as_json:
        _print([alert], as_json=True)
    else:
        tables().print(card(alert, codes_of(alert, settings.current())))


@rules.command("show")
def show_rules(
    as_json: Json = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="the page docs/rules.md")] = False,
    preset: Annotated[
        str | None, typer.Option(help="the shipped rules with this preset, in the place of yours")
    ] = None,
) -> None:
    """Show every rule that is in force, with its value, meaning and source.

    Example: adrwatch rules show --preset fda
    """
    import msgspec
    from rich.console import Console
    from rich.markdown import Markdown

    from shared import settings
    from shared.signals.rules import load_rules, preset_rules
    from shared.signals.rules_page import render

    loaded = preset_rules(preset) if preset is not None else load_rules(settings.current().rules_file)
    if as_json:
        print(msgspec.json.encode(loaded).decode())
    elif markdown:
        print(render(loaded), end="")
    else:
        Console().print(Markdown(render(loaded)))


@rules.command("check")
def check_rule_file(
    file: Annotated[Path, typer.Argument(help="a file with the rules that differ, or a whole rule file")],
    as_json: Annotated[bool, typer.Option("--json", help="one JSON object")] = False,
) -> None:
    """Test a rule file and show what differs from the shipped rules; exits with 2 and names the key that is wrong.

    Example: adrwatch rules check my-rules.toml
    """
    import msgspec

    from shared.signals.rules import load_rules, shown

    loaded = load_rules(file)
    found = loaded.differences()
    idle = loaded.idle()
    if as_json:
        values = {each.key: {"shipped": each.shipped, "value": each.value} for each in found}
        report = {"version": loaded.version, "stamp": loaded.stamp, "preset": loaded.preset}
        print(msgspec.json.encode({**report, "differences": values, "idle": idle}).decode())
        return
    print(f"{file} is right: version {loaded.version}, stamp {loaded.stamp}")
    if loaded.preset:
        print(f"preset {loaded.preset}")
    for each in found:
        note = ", but policy.rules does not name this rule" if each.key in idle else ""
        print(f"{each.key}: {shown(each.value)} (shipped: {shown(each.shipped)}){note}")
    if not found:
        print("nothing differs from the shipped rules")


@windows.command("verify")
def verify_windows(as_json: Annotated[bool, typer.Option("--json", help="one JSON object")] = False) -> None:
    """Compare the rows in Redis with those that the topics give. Exits with 1 where they differ.

    Posts are named by hashes. Outcomes that alerting has not read yet are left out.

    Example: adrwatch windows verify --json
    """
    import msgspec

    from services.alerting.verify import compare
    from shared import settings
    from shared.signals.rules import load_rules

    current = settings.current()
    found = compare(current, load_rules(current.rules_file))
    if as_json:
        print(msgspec.json.encode(found).decode())
    else:
        print(f"{found.expected:,} rows by the topics, {found.held:,} in Redis; {found.unread:,} posts not read yet")
        for kind, number in sorted(found.kinds.items()):
            print(f"{kind}: {number:,}")
        if not found.alike:
            print(f"such as {', '.join(found.examples)}")
            print("  fix: stop the alerting workers, run `adrwatch windows rebuild`, start them again", file=sys.stderr)
    if not found.alike:
        raise typer.Exit(1)


@windows.command("rebuild")
def rebuild_windows(as_json: Annotated[bool, typer.Option("--json", help="one JSON object")] = False) -> None:
    """Make everything that alerting keeps in Redis anew from the topics. Its workers must be stopped.

    A worker that starts does the same by itself where Redis has lost the windows.

    Example: adrwatch windows rebuild && adrwatch windows verify
    """
    import msgspec

    from services.alerting.group import SERVICE
    from services.alerting.rebuild import rebuild
    from shared import settings
    from shared.groups import require_stopped
    from shared.signals.rules import load_rules

    current = settings.current()
    rules = load_rules(current.rules_file)

    def say(text: str) -> None:
        print(text, file=sys.stderr)

    require_stopped(current, SERVICE, say)
    found = rebuild(current, rules, say)
    if as_json:
        print(msgspec.json.encode(found).decode())
    else:
        print(f"{found.buckets:,} buckets, {found.signals:,} signals; {found.deletions:,} deletions handled again")


def _show(latest: LatestAlerts, wanted: Filter, as_json: bool, measures: bool) -> None:
    found = latest.matching(wanted)
    if found or as_json:
        _print(found, as_json, measures)
    else:
        print("no alerts")
    if latest.unreadable:
        print(f"adrwatch: {latest.unreadable} records are no alerts and were left out", file=sys.stderr)


def _print(found: list[Alert], as_json: bool, measures: bool = False) -> None:
    from services.alerting.view import grid, measures_grid
    from shared.console import tables
    from shared.events import encode

    if as_json:
        for alert in found:
            print(encode(alert).decode(), flush=True)
    else:
        for each in measures_grid(found) if measures else [grid(found)]:
            tables().print(each)


def _taken_back(alert_id: str, as_json: bool) -> None:
    import json

    print(json.dumps({"id": alert_id, "taken_back": True}) if as_json else f"{alert_id} was taken back", flush=True)
