"""Which events an analyst wants."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

from shared.events import Alert, Concept, Mention
from shared.latest_alerts import concept_matches
from shared.times import beginning, end, option

_BEGINNING, _NOW = "beginning", "now"


@dataclass
class Selection:
    """What is wanted; empty and None want everything.

    `drugs` and `reactions`: ids or parts of names, without case, one of which fits. `since` and `until` bound the event's own time;
    what happens at `until` is not wanted.
    """

    drugs: tuple[str, ...] = ()
    reactions: tuple[str, ...] = ()
    since: datetime | None = None
    until: datetime | None = None
    kind: str | None = None
    _fitting: set[str] = field(default_factory=set)
    _labels: dict[str, set[str]] = field(default_factory=lambda: {"drug": set(), "reaction": set()})

    def wants(self, event: Alert | Mention, moment: datetime) -> bool:
        """Whether an event of this time is wanted."""
        named = self._named("drug", self.drugs, event.drug) and self._named("reaction", self.reactions, event.reaction)
        return (
            named
            and (self.since is None or moment >= self.since)
            and (self.until is None or moment < self.until)
            and (self.kind is None or (isinstance(event, Alert) and event.kind == self.kind))
        )

    def strangers(self) -> Iterator[str]:
        """What was asked for and fits nothing of what was seen, in words, with what may have been meant."""
        for what, wanted in (("drug", self.drugs), ("reaction", self.reactions)):
            for word in wanted:
                if (what + word) not in self._fitting:
                    labels = {label.casefold(): label for label in self._labels[what]}
                    meant = difflib.get_close_matches(word.casefold(), labels, n=1)
                    yield f"--{what} {word} fits nothing that was read" + (f"; {labels[meant[0]]}?" if meant else "")

    def _named(self, what: str, wanted: tuple[str, ...], concept: Concept) -> bool:
        if not wanted:
            return True
        self._labels[what].add(concept.label)
        fitting = [word for word in wanted if concept_matches(word, concept)]
        self._fitting.update(what + word for word in fitting)
        return bool(fitting)


def since_option(text: str) -> datetime | None:
    """`--since`: from this day or moment on; None for the beginning. Raises AdrwatchError."""
    if text == _BEGINNING:
        return None
    return datetime.now(UTC) if text == _NOW else option("--since", text, beginning, (_BEGINNING, _NOW))


def until_option(text: str | None) -> datetime | None:
    """`--until`: to the end of this day, or to before this moment; None is no bound. Raises AdrwatchError."""
    if text is None:
        return None
    return datetime.now(UTC) if text == _NOW else option("--until", text, end, (_NOW,))
