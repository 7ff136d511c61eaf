"""A subscription from beginning to end: read, choose, let each event stand once, give out, and only then keep the group's place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rich.console import Console

from services.subscribe.feed import Arrived, Feed
from services.subscribe.kinds import Kind, TakenBack
from services.subscribe.output import File, Lines
from services.subscribe.selection import Selection
from services.subscribe.shelf import Counts, Row, Shelf
from shared.errors import BadMessage
from shared.events import decode, encode
from shared.progress import Progress
from shared.signals.windows import to_ms


@dataclass
class Account:
    """What a subscription has read of the topic of events. `wanted` counts repeated ids as well, `unreadable` deletions, too."""

    read: int = 0
    wanted: int = 0
    unreadable: int = 0
    tombstones: int = 0

    def words(self, counts: Counts) -> str:
        """The account in one line."""
        parts = {
            "read": self.read, "kept": counts.kept, "repeated ids": counts.repeated, "taken back": counts.taken_back,
            "not wanted": counts.not_wanted, "tombstones": self.tombstones, "unreadable": self.unreadable,
        }  # fmt: skip
        return ", ".join(f"{name} {count:,}" for name, count in parts.items())


class Subscription:
    """One run. `shelf` holds what was read, `account` counts it."""

    def __init__(self, kind: Kind[Any], selection: Selection, feed: Feed, shelf: Shelf) -> None:
        self.account = Account()
        self._kind = kind
        self._selection = selection
        self._feed = feed
        self._shelf = shelf

    @property
    def resumed(self) -> bool:
        """Whether somebody was given something by an earlier run, and has to be told what was taken back since."""
        return self._feed.resumed

    def progress(self, console: Console) -> Progress:
        """Shows how far this is."""

        def counts() -> str:
            return f"{self.account.read:,} read, {self.account.wanted:,} wanted, {self._feed.lag():,} to go"

        return Progress(console, self._kind.topic.suffix, self._feed.progress, counts)

    def collect(self, progress: Progress) -> None:
        """Read to the end."""
        for batch in progress.follow(self._feed.to_end()):
            rows, gone, told = self._sorted(batch)
            self._shelf.add(rows)
            self._shelf.take_back(gone, told=False)
            self._shelf.take_back(told, told=True)

    def give_file(self, file: File, most: int | None) -> None:
        """Write what stands to a file, then keep the place."""
        file.write(self._shelf, self._kind, most, telling=self._feed.keeps_place)
        self._feed.commit()

    def give_lines(self, lines: Lines, most: int | None) -> None:
        """Print what stands, then keep the place."""
        for value in self._shelf.values(most):
            lines.event(value)
        for source in self._shelf.told():
            lines.taken_back(source, None)
        lines.flush()
        self._feed.commit()

    def follow(self, lines: Lines, progress: Progress) -> None:
        """Print what comes, and what is taken back, until the lines are as many as were wanted."""
        for batch in progress.follow(self._feed.follow()):
            if lines.full:
                return
            if batch:
                self._give_batch(batch, lines)
                lines.flush()
                self._feed.commit()

    def _give_batch(self, batch: list[Arrived], lines: Lines) -> None:
        rows, gone, told = self._sorted(batch)
        ids = [row.id for row in rows]
        before = self._shelf.holds(ids)
        lost: list[tuple[str, str | None]] = []
        for source in dict.fromkeys(one.source for one in (*gone, *told)):
            known: list[str | None] = [*self._shelf.of_source(source)]
            # What an earlier run gave out is not on the shelf.
            lost += ((source, event_id) for event_id in known or [None] * self.resumed)
        self._shelf.add(rows)
        self._shelf.take_back((*gone, *told), told=False)
        after = self._shelf.holds(ids)
        for source, event_id in lost:
            lines.taken_back(source, event_id)
            # It may have come back since.
            before.pop(event_id or "", None)
        for event_id, value in after.items():
            if value is not None and before.get(event_id) != value:
                lines.event(value)

    def _sorted(self, batch: list[Arrived]) -> tuple[list[Row], list[TakenBack], list[TakenBack]]:
        """The events of a batch, what is taken back, and what of that an earlier run may have given out."""
        rows: list[Row] = []
        gone: list[TakenBack] = []
        told: list[TakenBack] = []
        for one in batch:
            self.account.read += not one.deletion
            try:
                back = self._kind.takes_back(one)
                if back is None:
                    rows.append(self._row(one))
                else:
                    self.account.tombstones += not one.deletion
                    (told if self.resumed and one.fresh else gone).append(back)
            except BadMessage:
                self.account.unreadable += 1
        return rows, gone, told

    def _row(self, one: Arrived) -> Row:
        event = decode(one.value, self._kind.event)
        moment = self._kind.moment(event)
        wanted = self._selection.wants(event, moment)
        self.account.wanted += wanted
        value = encode(event).decode() if wanted else None
        return Row(event.id, self._kind.source(event), to_ms(moment), self._kind.at(one), value)
