"""The account: what became of every record of the input, from what the topics say. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from deploy.reconcile.rows import Row
from shared.events import Alert, DeadLetter, Mention, Outcome

INGEST = "ingest"
LINE = (
    *("posts", "duplicates", "screened", "classified", "mentions"),
    *("alerts", "single_reports", "dead_letters", "lost"),
)


@dataclass
class Seen:
    """What was read from the topics so far, by id; a repeated id replaces its predecessor.

    `event_times` holds the latest event time of each partition of adr.outcomes.
    """

    statuses: dict[str, str] = field(default_factory=dict)
    mentions: dict[str, str] = field(default_factory=dict)
    alerts: dict[str, Alert] = field(default_factory=dict)
    dead_letters: dict[str, DeadLetter] = field(default_factory=dict)
    event_times: dict[int, datetime] = field(default_factory=dict)

    def add(self, event: Outcome | Mention | Alert | DeadLetter, partition: int) -> None:
        """Take in one record."""
        match event:
            case Outcome():
                self.statuses[event.post_id] = event.status
                latest = self.event_times.get(partition, event.created_at)
                self.event_times[partition] = max(latest, event.created_at)
            case Mention():
                self.mentions[event.id] = event.post_id
            case Alert():
                self.alerts[event.id] = event
            case DeadLetter():
                self.dead_letters[event.id] = event

    def forget_alert(self, alert_id: str) -> None:
        """An alert was taken back: a deletion has left too little evidence."""
        self.alerts.pop(alert_id, None)

    @property
    def watermark(self) -> datetime | None:
        """The event time that every partition with outcomes has reached."""
        return min(self.event_times.values(), default=None)


@dataclass(frozen=True)
class Account:
    """Counts over the files (rows, ids, outcomes and mentions of these ids) and over the topics (alerts, dead letters).

    `posts` are records read, `duplicates` those whose id had come before; `classified` = `negative` + `reported`;
    `rejects` are distinct records that ingest refused; `lost` = distinct ids - ids with an outcome - rejects.
    """

    posts: int
    distinct: int
    duplicates: int
    screened: int
    negative: int
    reported: int
    dead: int
    mentions: int
    alerts: int
    single_reports: int
    dead_letters: int
    rejects: int
    lost: int
    missing: tuple[str, ...]

    @property
    def classified(self) -> int:
        """Posts that the classifier decided on."""
        return self.negative + self.reported

    def line(self) -> str:
        """The account in one line."""
        return " ".join(f"{name}={getattr(self, name)}" for name in LINE)

    def numbers(self) -> dict[str, int]:
        """All counts by name."""
        names = (*(name for name in self.__dataclass_fields__ if name != "missing"), "classified")
        return {name: getattr(self, name) for name in names}


def account(rows: Iterable[Row], seen: Seen) -> Account:
    """Hold the records of the input against the topics."""
    refused_places = {(letter.topic, letter.offset) for letter in seen.dead_letters.values() if letter.stage == INGEST}
    posts = 0
    refused: dict[str, bool] = {}
    earlier: dict[str, tuple[str, ...]] = {}
    for row in rows:
        posts += 1
        # A record that goes over several lines is named by one of them.
        places = ((row.file, line) for line in range(row.first, row.last + 1))
        if row.earlier:
            earlier[row.key] = row.earlier
        refused[row.key] = refused.get(row.key, False) or any(place in refused_places for place in places)
    # By whichever of its possible ids it was published: a file may have been read before the author secret was replaced.
    found = {name: key for key in refused for name in (*earlier.get(key, ()), key)}
    decided = {key: status for name, key in found.items() if (status := seen.statuses.get(name))}
    rejects = sum(was_refused for key, was_refused in refused.items() if key not in decided)
    missing = tuple(key for key, was_refused in refused.items() if not was_refused and key not in decided)
    kinds = [status.partition(":")[0] for status in decided.values()]
    return Account(
        posts=posts,
        distinct=len(refused),
        duplicates=posts - len(refused),
        screened=kinds.count("screened"),
        negative=kinds.count("negative"),
        reported=kinds.count("mentions"),
        dead=kinds.count("dead"),
        mentions=sum(post_id in found for post_id in seen.mentions.values()),
        alerts=sum(alert.kind == "disproportionality" for alert in seen.alerts.values()),
        single_reports=sum(alert.kind == "single_report" for alert in seen.alerts.values()),
        dead_letters=len(seen.dead_letters),
        rejects=rejects,
        lost=len(missing),
        missing=missing,
    )
