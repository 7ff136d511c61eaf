"""What a back-test found, for people and for machines."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from pathlib import Path

import msgspec

from services.backtest.evaluation import Evaluation
from services.backtest.kept import Kept
from services.backtest.stories import Steps, Story
from shared.errors import AdrwatchError
from shared.events import Alert
from shared.signals.windows import from_ms

_LINE = (
    *("posts", "duplicates", "screened", "classified", "mentions"),
    *("alerts", "single_reports", "dead_letters", "lost"),
)

_FIX = "give a folder that `adrwatch backtest --out` wrote"


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
    updates too. `rejected` counts refused records by reason, `backwards` posts that are older than the one before. `source`
    names the input, `statuses` counts posts by what became of them, `steps` the alerts over time; `stories` are the pairs
    that alerted.
    """

    source: str
    cool_down_hours: int
    statuses: dict[str, int]
    steps: Steps | None
    stories: tuple[Story, ...]

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


def account(read: int, kept: Kept, evaluation: Evaluation) -> Account:
    """Count; `read` are the records of posts that were read."""
    found: Counter[str] = Counter()
    for status, count in kept.statuses().items():
        found[status.partition(":")[0]] += count
    distinct, rejects = kept.distinct, kept.refused
    kinds = [alert.kind for alert in evaluation.alerts.values()]
    return Account(
        posts=read,
        distinct=distinct,
        duplicates=read - distinct,
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


def read_result(folder: Path) -> Result:
    """The result in a results folder. Raises AdrwatchError where there is none that this version can read."""
    file = folder / "result.json"
    try:
        return msgspec.json.decode(file.read_bytes(), type=Result)
    except OSError as error:
        raise AdrwatchError(f"{file} cannot be read: {error.strerror}", fix=_FIX) from None
    except msgspec.DecodeError as error:
        raise AdrwatchError(f"{file} is no result of a back-test: {error}", fix=_FIX) from None


def moment(ms: int | None) -> datetime | None:
    """An event time for the result."""
    return None if ms is None else from_ms(ms)
