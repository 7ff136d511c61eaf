"""The drug lexicon of a process that goes on for weeks: the team's own list, as the topic `adr.drug-names` has it now.

A thread makes a new lexicon of what has changed, and puts it in the place of the old one in a single assignment: who asks for the
lexicon before each batch never waits and never sees half a change.
"""

from __future__ import annotations

import threading

from shared import followed, logs, metrics
from shared.events import OwnName
from shared.settings import Settings
from shared.topics import DRUG_NAMES
from shared.vocabulary.drugs import DrugLexicon
from shared.vocabulary.own import over, take, version

log = logs.logger("drugs")


def read_names(settings: Settings) -> dict[str, OwnName]:
    """The list as the topic has it now. Raises what TopicReader raises."""
    return followed.read(settings, DRUG_NAMES, take)


class LiveDrugs:
    """The lexicon `base` with the team's own list over it; call it for the one in force. It follows until `stop` is set."""

    def __init__(self, settings: Settings, base: DrugLexicon, stop: threading.Event) -> None:
        self._base = base
        self._lexicon = base
        self._followed = followed.Followed(settings, DRUG_NAMES, take, self._use, stop)

    def __call__(self) -> DrugLexicon:
        """The lexicon in force."""
        return self._lexicon

    def start(self) -> None:
        """Wait for the broker and for the list as it is now, then follow it. Raises what Followed.start raises."""
        self._followed.start()

    def _use(self, names: dict[str, OwnName]) -> None:
        self._lexicon = over(self._base, names)
        metrics.OWN_DRUG_NAMES.set(len(names))
        log.info("the drug list is in force", own_names=len(names), version=version(names) or "none")
