"""What a back-test found, for people and for machines."""

from __future__ import annotations

from datetime import datetime

import msgspec

from services.backtest.evaluation import Evaluation
from services.backtest.intake import Intake
from services.backtest.kept import Kept
from shared.events import Alert
from shared.signals.windows import from_ms

_LINE = (
    *("posts", "duplicates", "screened", "classified", "mentions"),
    *("alerts", "single_reports", "dead_letters", "lost"),
)


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """What became of every record, counted as `adrwatch reconcile` counts.

    `posts` are records read, `duplicates` those whose id had come before; `classified` = `negative` + `reported`;
    `rejects` are distinct records that ingest refuses; `lost` = distinct ids - ids with an outcome - rejects.
    """

    posts: int
    distinct: int
    duplicates: int
    screened: int
    classified: int
    negative: int
    reported: int
    dead: int
    mentions: int
    alerts: int
    single_reports: int
    dead_letters: int
    rejects: int
    lost: int

    def line(self) -> str:
        """The account in one line."""
        return " ".join(f"{name}={getattr(self, name)}" for name in _LINE)


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that is known after a run. `first` and `last` are the extremes of event time.

    `overrides` are the rules that are not as shipped. `alerts` are in their latest states, by time; `publications` counts their
    updates too. `rejected` counts refused records by reason, `backwards` posts that are older than the one before.
    """

    account: Account
    model_version: str
    rule_version: str
    overrides: tuple[str, ...]
    first: datetime | None
    last: datetime | None
    evaluated_until: datetime | None
    open_hours: int
    open_reports: int
    publications: int
    rejected: dict[str, int]
    backwards: int
    seconds: float
    posts_per_second: float
    alerts: tuple[Alert, ...]


def account(intake: Intake, kept: Kept, evaluation: Evaluation) -> Account:
    """Count."""
    found, distinct, rejects = kept.statuses(), kept.distinct, kept.refused
    kinds = [alert.kind for alert in evaluation.alerts.values()]
    return Account(
        posts=intake.read,
        distinct=distinct,
        duplicates=intake.read - distinct,
        screened=found["screened"],
        classified=found["negative"] + found["mentions"],
        negative=found["negative"],
        reported=found["mentions"],
        dead=found["dead"],
        mentions=kept.mentions(),
        alerts=kinds.count("disproportionality"),
        single_reports=kinds.count("single_report"),
        dead_letters=kept.letters,
        rejects=rejects,
        lost=distinct - found.total() - rejects,
    )


def moment(ms: int | None) -> datetime | None:
    """An event time for the result."""
    return None if ms is None else from_ms(ms)
