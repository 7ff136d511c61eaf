"""All that the page of operations shows, begun and ended together."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from services.cases.audit import Trail
from services.cases.database import Database
from services.cases.receipts import Receipt, Receipts
from services.dashboard.operations import checks, letters, sources, stages, versions
from services.dashboard.operations.letters import Letters
from services.dashboard.operations.sampler import Sampler
from services.dashboard.operations.sources import Sources
from services.dashboard.operations.stages import Stages
from services.dashboard.operations.versions import Versions
from services.dashboard.operations.watch import Found, Standing, Watch, Word
from services.dashboard.view.state import Health
from services.ingest.inbox import Line
from shared.events import Hold, now
from shared.forgetting import PROMISED_SECONDS
from shared.settings import Settings
from shared.signals.rules import Rules

_OFTEN_SECONDS = 5.0
_SELDOM_SECONDS = 60.0


class Operations:
    """Threads that look, each at one thing, and what they last saw."""

    def __init__(
        self,
        settings: Settings,
        rules: Rules,
        trail: Trail,
        database: Callable[[], Database],
        view: Callable[[], list[Health]] = list,
    ) -> None:
        self.sampler = Sampler(settings)
        self.letters = Letters(settings)
        self._view = view
        followed = Sources(settings)

        def receipts() -> list[Receipt]:
            # All rows of a request come after it.
            since = now() - timedelta(days=1)
            return [one for one in Receipts(database(), trail).read(since=since) if one.requested_at >= since]

        self._parts = [
            Watch(name, ask, _OFTEN_SECONDS, lambda found: found) for name, ask in checks.checks(settings, database).items()
        ]  # fmt: skip
        self._sources: Watch[list[dict[str, Any]]] = Watch(
            "Sources", followed.look, _OFTEN_SECONDS, sources.judged, followed.close
        )
        self._letters: Watch[list[Line]] = Watch(
            "Dead letters", self.letters.lines, _OFTEN_SECONDS, letters.judged, self.letters.close
        )
        held = Stages(settings)
        self._stages: Watch[list[Hold]] = Watch("Stages", held.look, _OFTEN_SECONDS, stages.judged, held.close)
        self._receipts: Watch[list[Receipt]] = Watch("Deletions", receipts, _SELDOM_SECONDS / 2, _in_time)
        self._versions: Watch[Versions] = Watch(
            "Versions", lambda: versions.look(settings, rules), _SELDOM_SECONDS, versions.judged
        )
        self._watches: list[Watch[Any]] = [
            *self._parts, self._sources, self._letters, self._stages, self._receipts, self._versions,
        ]  # fmt: skip

    def start(self) -> None:
        """Begin to look."""
        self.sampler.start()
        for one in self._watches:
            one.start()

    def close(self) -> None:
        """End."""
        for one in self._watches:
            one.stop()
        self.sampler.close()

    def standings(self) -> list[Standing]:
        """How everything stands, Kafka first."""
        kafka = _standing("Kafka", self.sampler.state.health())
        view = [_standing(f"Pages: {one.part}", one) for one in self._view()]
        return [kafka, *(one.standing() for one in self._watches), *view]

    @property
    def sources(self) -> list[dict[str, Any]] | None:
        """Reports of the sources as they were last seen; None before that."""
        return self._sources.last

    @property
    def lines(self) -> list[Line] | None:
        """The dead letters as they were last seen; None before that."""
        return self._letters.last

    @property
    def receipts(self) -> list[Receipt] | None:
        """The deletions of the last day as they were last seen, the slowest first; None before that."""
        found = self._receipts.last
        return None if found is None else sorted(found, key=lambda one: -one.slowest)

    @property
    def versions(self) -> Versions | None:
        """What is in force, once it is known."""
        return self._versions.last


def _standing(part: str, health: Health) -> Standing:
    word: Word = "asked" if health.state == "reading" else health.state
    return Standing(part, word, health.since, health.detail, health.fix)


def _in_time(receipts: list[Receipt]) -> Found:
    """Whether every store has forgotten in time. What was asked for just now may still be on its way."""
    overdue = now() - timedelta(seconds=PROMISED_SECONDS)
    late = sum(one.slowest > PROMISED_SECONDS or bool(one.missing and one.requested_at < overdue) for one in receipts)
    slowest = max((one.slowest for one in receipts), default=0.0)
    detail = f"{len(receipts)} in a day, the slowest after {slowest:.1f} s" if receipts else "none in a day"
    if late:
        return Found(detail, f"{late} not forgotten in time by every store", "see which workers are stopped")
    return Found(detail)
