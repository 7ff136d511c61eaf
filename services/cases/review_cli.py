"""`adrwatch review`: states of signals."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from services.cases.options import Comment, Json, Reason, plain_text, state_of, using
from services.cases.review_export_cli import export_signals

if TYPE_CHECKING:
    from services.cases.reviews import Reviews
    from shared.cases.review import Review
    from shared.events import Alert

review = typer.Typer(help="Review signals: triage, assess, confirm or refute, close.", no_args_is_help=True)

Who = Annotated[str, typer.Argument(help="who assesses it", callback=plain_text)]
Id = Annotated[str, typer.Argument(metavar="ID", help="a signal's id")]


def register(app: typer.Typer) -> None:
    """Add the group `review`."""
    review.command("export")(export_signals)
    app.add_typer(review, name="review")


@review.command("list")
def list_signals(
    state: Annotated[str | None, typer.Option(help="only signals in this state")] = None,
    drug: Annotated[str | None, typer.Option(help="only this drug: its id, or a part of its name")] = None,
    as_json: Json = False,
) -> None:
    """List signals with their states, the latest first; one that nobody has looked at is new.

    Example: adrwatch review list --state new
    """
    import json

    from services.cases.queue import signals
    from services.cases.review_view import grid, rows
    from services.cases.reviews import Reviews
    from shared import settings
    from shared.console import tables

    wanted = state_of(state) if state else None
    alerts = signals(settings.current(), drug)
    with using(Reviews) as reviews:
        found = rows(alerts, reviews.all(), drug)
    found = [row for row in found if wanted in (None, row["state"])]
    if as_json:
        for row in found:
            print(json.dumps(row, ensure_ascii=False))
    elif found:
        tables().print(grid(found))
    else:
        print("no signals")


@review.command("show")
def show_signal(signal_id: Id, reason: Reason = "assessment", as_json: Json = False) -> None:
    """Show a signal, its state and its comments. The look is recorded in the audit trail.

    Example: adrwatch review show 4f0c1d2e3b5a69788796
    """
    import json

    import msgspec

    from services.cases.reference_safety import ReferenceSafety
    from services.cases.review_view import card, row_of
    from shared import settings
    from shared.console import tables

    with _taken_up(signal_id) as (reviews, alert):
        found, comments = reviews.look(signal_id, reason)
    safety = ReferenceSafety.of(settings.current())
    suggestion = safety.suggest(found.drug, found.reaction) if safety else None
    if as_json:
        more = msgspec.to_builtins({"comments": comments, "listedness": suggestion})
        print(json.dumps({"signal": row_of(found, alert), **more}, ensure_ascii=False))
    else:
        tables().print(card(found, alert, comments, suggestion))


@review.command("move")
def move(
    signal_id: Id,
    state: Annotated[str, typer.Argument(help="triaged, under assessment, confirmed, refuted or closed")],
    reason: Reason,
    as_json: Json = False,
) -> None:
    """Bring a signal to its next state. Reports that come after a signal was closed open a new one, which names the closed one.

    Example: adrwatch review move 4f0c1d2e3b5a69788796 triaged --reason "counts are plausible"
    """
    from services.cases.announce import announce
    from shared import settings
    from shared.errors import DependencyAway

    wanted = state_of(state)
    with _taken_up(signal_id) as (reviews, alert):
        found = reviews.move(signal_id, wanted, reason)
        _show(found, alert, as_json)
        try:
            announce(settings.current(), reviews)
        except DependencyAway as error:
            print(f"adrwatch: it is closed, but alerting does not know it yet: {error.message}", file=sys.stderr)
            print("  fix: nothing, if `adrwatch worker cases` runs: it tells alerting", file=sys.stderr)


@review.command("assign")
def assign(signal_id: Id, assignee: Who, reason: Reason = "assigned", as_json: Json = False) -> None:
    """Say who assesses a signal.

    Example: adrwatch review assign 4f0c1d2e3b5a69788796 "assessor two"
    """
    import msgspec

    with _taken_up(signal_id) as (reviews, alert):
        found = reviews.change(signal_id, "assign", reason, lambda one: msgspec.structs.replace(one, assignee=assignee))
    _show(found, alert, as_json)


@review.command("comment")
def comment(signal_id: Id, text: Comment) -> None:
    """Add a comment to a signal.

    Example: adrwatch review comment 4f0c1d2e3b5a69788796 "asked the quality department for the batch"
    """
    with _taken_up(signal_id) as (reviews, _):
        reviews.comment(signal_id, text)


@contextmanager
def _taken_up(signal_id: str) -> Iterator[tuple[Reviews, Alert | None]]:
    """The reviews, with one for this signal as its alert is now; None for the alert of one that was taken back."""
    from services.cases.queue import signal
    from services.cases.reviews import Reviews
    from shared import settings

    alert = signal(settings.current(), signal_id)
    with using(Reviews) as reviews:
        if alert is not None:
            reviews.take_up(alert)
        yield reviews, alert


def _show(found: Review, alert: Alert | None, as_json: bool) -> None:
    import json

    from services.cases.review_view import grid, row_of
    from shared.console import tables

    row = row_of(found, alert)
    if as_json:
        print(json.dumps(row, ensure_ascii=False))
    else:
        tables().print(grid([row]))
