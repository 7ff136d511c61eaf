"""The commands of notifications: `adrwatch worker notify`, `adrwatch notify`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from services import groups

if TYPE_CHECKING:
    from services.notify.configuration import Notifiers
    from shared.settings import Settings

notify = typer.Typer(
    help="Channels that tell people and machines of alerts: check, test, look, send again (docs/notifications.md).",
    no_args_is_help=True,
)
Json = Annotated[bool, typer.Option("--json", help="one JSON object a line, for machines")]
Name = Annotated[str | None, typer.Option("--channel", help="only this channel")]


def register(app: typer.Typer) -> None:
    """Add the group `notify`, and its worker."""
    groups.worker.command("notify")(run_worker)
    app.add_typer(notify, name="notify")


def run_worker() -> None:
    """Tell the channels of ADRWATCH_NOTIFIERS_FILE of alerts. A second worker stands by for the first.

    Example: ADRWATCH_NOTIFIERS_FILE=notifiers.toml adrwatch worker notify
    """
    from services.notify.worker import run
    from shared import settings

    run(settings.current())


@notify.command("check")
def check() -> None:
    """Test the notifiers file and its secrets; says everything that is wrong, and exits with 2. Nothing is sent.

    Example: ADRWATCH_NOTIFIERS_FILE=notifiers.toml adrwatch notify check
    """
    from services.notify.configuration import examine
    from shared import settings

    found, wrong = examine(settings.current())
    for name, channel in found.channels.items():
        print(f"{name} is right: {channel.address}")
    for error in wrong:
        print(f"adrwatch: {error.message}\n  fix: {error.fix}", file=sys.stderr)
    if wrong:
        raise typer.Exit(2)


@notify.command("list")
def list_channels(as_json: Json = False) -> None:
    """List the channels, and what each wants to know.

    Example: adrwatch notify list
    """
    import msgspec

    from shared.console import tables

    _, notifiers = _configured()
    if as_json:
        for name, channel in notifiers.channels.items():
            print(msgspec.json.encode({"name": name, "address": channel.address, **_wanted(channel)}).decode())
        return
    table = _grid("name", "type", "address", "alerts", "digest", "start")
    for name, channel in notifiers.channels.items():
        wanted = _wanted(channel)
        filters = [", ".join(wanted[key]) for key in ("kinds", "lanes", "drugs") if wanted[key]]
        digest = f"every {channel.digest_hours} h" if channel.digest_hours else "none"
        table.add_row(name, wanted["type"], channel.address, "\n".join(filters) or "all", digest, channel.start)
    tables().print(table)


@notify.command("test")
def test(name: Annotated[str, typer.Argument(metavar="NAME", help="a channel")]) -> None:
    """Send a test message by one channel, once. Exits with 2 and the reason where the receiver does not take it.

    Example: adrwatch notify test desk
    """
    from services.notify.channels import open_channel
    from services.notify.notices import trial
    from shared.events import now

    settings, notifiers = _configured(logged=True)
    carrier = open_channel(notifiers.channel(name), settings)
    try:
        carrier.carry(trial(name, now()))
    finally:
        carrier.close()
    print(f"{name} took a test message")


@notify.command("status")
def status(as_json: Json = False) -> None:
    """Show how far each channel has come, what is parked, and why one waits.

    Example: adrwatch notify status --json
    """
    import msgspec

    from services.notify.status import reports
    from shared.console import tables

    found = reports(*_configured())
    if as_json:
        for report in found:
            print(msgspec.json.encode(report).decode())
        return
    table = _grid("name", "type", "workers", "lag", "delivered", "parked", "last delivered", "error")
    for one in found:
        last = f"{one.last_delivered:%Y-%m-%d %H:%M}" if one.last_delivered else ""
        error = f"{one.error} since {one.since:%Y-%m-%d %H:%M}" if one.error and one.since else one.error or ""
        lag = "not started yet" if one.lag is None else str(one.lag)
        table.add_row(one.name, one.type, str(one.workers), lag, str(one.delivered), str(one.parked), last, error)
    tables().print(table)


@notify.command("parked")
def list_parked(channel: Name = None, as_json: Json = False) -> None:
    """List notices that a receiver refused for good, with the reason.

    Example: adrwatch notify parked --channel desk
    """
    from services.notify.ledger import Ledger
    from services.notify.retry import parked
    from shared.console import tables
    from shared.events import encode

    settings, notifiers = _configured()
    names = _names(notifiers, channel)
    with Ledger(settings) as ledger:
        found = parked(ledger, names)
    if as_json:
        for one in found:
            print(encode(one).decode())
    elif not found:
        print("nothing is parked")
    else:
        table = _grid("channel", "alert", "change", "drug, reaction", "since", "reason")
        for one in found:
            of = f"{one.drug.label}, {one.reaction.label}" if one.drug and one.reaction else ""
            since = f"{one.notified_at:%Y-%m-%d %H:%M}"
            table.add_row(one.channel, one.alert_id, one.change, of, since, one.reason or "")
        tables().print(table)


@notify.command("retry")
def send_again(
    alert_ids: Annotated[list[str] | None, typer.Argument(metavar="[ALERT]...", help="only these alerts")] = None,
    channel: Name = None,
) -> None:
    """Send what is parked once more, as the alerts are now. Exits with 1 where something is refused again.

    Example: adrwatch notify retry --channel desk
    """
    from services.notify.retry import retry

    settings, notifiers = _configured(logged=True)
    account = retry(settings, notifiers, _names(notifiers, channel), alert_ids or ())
    print(f"{account.delivered} delivered, {account.withdrawn} taken back meanwhile, {account.parked} refused again")
    if account.parked:
        raise typer.Exit(1)


def _configured(*, logged: bool = False) -> tuple[Settings, Notifiers]:
    """Settings and channels; `logged`: what a channel says while it sends goes to standard error."""
    from services.notify.configuration import load
    from shared import logs, settings

    current = settings.current()
    if logged:
        logs.configure("notify", "WARNING")
    return current, load(current)


def _names(notifiers: Notifiers, channel: str | None) -> list[str]:
    if channel is None:
        return list(notifiers.channels)
    notifiers.channel(channel)
    return [channel]


def _wanted(channel: Any) -> dict[str, Any]:
    return {
        "type": type(channel).__struct_config__.tag,
        "kinds": channel.kinds, "lanes": channel.lanes, "drugs": channel.drugs,
        "digest_hours": channel.digest_hours, "start": channel.start,
    }  # fmt: skip


def _grid(*columns: str) -> Any:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, header_style="bold", show_edge=False)
    for name in columns:
        table.add_column(name, overflow="fold")
    return table
