"""How many posts of each signal tell of something serious: asked of the file of mentions, kept until that changes."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from services.dashboard.view.mentions import Mentions, Wanted
from shared.cases.model import SERIOUSNESS, suggested
from shared.events import Alert
from shared.signals.rules import HOUR_MS
from shared.signals.windows import to_ms


@dataclass(frozen=True)
class Tally:
    """The posts of a signal that carry a criterion of seriousness (ICH E2A), and how many carry each, those with most first.

    They are those of the pair in the alert's window that the dashboard knows, reposts too.
    """

    posts: int = 0
    criteria: Mapping[str, int] = field(default_factory=dict)


NONE = Tally()


class SeriousPosts:
    """Any thread may ask. What was counted stays until a serious mention of the pair came, or one was taken back."""

    def __init__(self, mentions: Mentions) -> None:
        self._mentions = mentions
        self._lock = threading.Lock()
        self._known: dict[str, tuple[Wanted, int, Tally]] = {}

    @property
    def version(self) -> int:
        """A number that rises whenever an answer may have changed."""
        return self._mentions.serious_version

    def of(self, alerts: Iterable[Alert]) -> dict[str, Tally]:
        """Of signals, by the id of the alert; a single report has none, for its own rules say it."""
        with self._lock:
            return {one.id: self._of(one, one.window_hours) for one in alerts if one.window_hours}

    def _of(self, alert: Alert, hours: int) -> Tally:
        wanted = _window(alert, hours)
        # Before the file is asked: what comes meanwhile is counted at the next time.
        since = self._mentions.serious_since(alert.drug.id, alert.reaction.id)
        known = self._known.get(alert.id)
        if known is None or known[:2] != (wanted, since):
            known = self._known[alert.id] = wanted, since, _tally(self._mentions.serious(wanted))
        return known[2]


def _window(alert: Alert, hours: int) -> Wanted:
    end = to_ms(alert.evaluated_at)
    return Wanted(alert.drug.id, alert.reaction.id, end - hours * HOUR_MS, end)


def _tally(found: Iterable[tuple[int, tuple[str, ...]]]) -> Tally:
    of_post: dict[int, set[str]] = {}
    for post, names in found:
        of_post.setdefault(post, set()).update(suggested(names))
    counts = {name: sum(name in names for names in of_post.values()) for name in SERIOUSNESS}
    ordered = sorted(((name, number) for name, number in counts.items() if number), key=lambda one: -one[1])
    return Tally(len(of_post), dict(ordered)) if of_post else NONE
