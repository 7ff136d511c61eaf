"""The drug lexicon of a process that goes on for weeks: the team's own list, as the topic `adr.drug-names` has it now.

A thread looks at the topic every second, makes a new lexicon of what changed, and puts it in the place of the old one in a single
assignment: who asks for the lexicon before each batch never waits and never sees half a change. Every connection reads the topic
from its beginning, which is small, so that a topic that was made anew is followed too.
"""

from __future__ import annotations

import random
import threading

import tenacity
from kafka.errors import KafkaError

from shared import logs, metrics
from shared.broker import TopicReader
from shared.errors import BadMessage, DependencyAway, passes
from shared.events import OwnName
from shared.settings import Settings
from shared.topics import DRUG_NAMES
from shared.vocabulary.drugs import DrugLexicon
from shared.vocabulary.own import over, take, version

log = logs.logger("drugs")

_LOOK_SECONDS = 1.0


def read_names(settings: Settings) -> dict[str, OwnName]:
    """The list as the topic has it now. Raises what TopicReader raises."""
    names: dict[str, OwnName] = {}
    with TopicReader(settings, DRUG_NAMES) as reader:
        _catch_up(reader, names)
    return names


class LiveDrugs:
    """The lexicon `base` with the team's own list over it; call it for the one in force. It follows until `stop` is set."""

    def __init__(self, settings: Settings, base: DrugLexicon, stop: threading.Event) -> None:
        self._settings = settings
        self._base = base
        self._stop = stop
        self._names: dict[str, OwnName] = {}
        self._lexicon = base

    def __call__(self) -> DrugLexicon:
        """The lexicon in force."""
        return self._lexicon

    def start(self) -> None:
        """Wait for the broker and for the list as it is now, then follow it. Raises AdrwatchError where there is no topic.

        Raises DependencyAway where it is told to stop before the broker answers.
        """
        insisting = tenacity.Retrying(
            retry=tenacity.retry_if_exception(passes),
            wait=tenacity.wait_random_exponential(self._settings.retry_first, self._settings.retry_most),
            sleep=tenacity.sleep_using_event(self._stop),
            stop=tenacity.stop_when_event_set(self._stop),
            before_sleep=lambda state: log.warning(
                "waiting for the drug list",
                attempt=state.attempt_number,
                error=str(state.outcome and state.outcome.exception()),
            ),
            reraise=True,
        )
        self._use(insisting(read_names, self._settings))
        threading.Thread(target=self._follow, name="drug list", daemon=True).start()

    def _follow(self) -> None:
        while not self._stop.is_set():
            try:
                self._look()
            except Exception as error:  # noqa: BLE001 - the boundary of the thread: the list of before stays in force
                away = isinstance(error, DependencyAway | KafkaError)
                note = log.warning if away else log.error
                note("the drug list cannot be followed, trying again", error=f"{type(error).__name__}: {error}")
                self._stop.wait(self._settings.retry_most * random.uniform(0.5, 1.0))

    def _look(self) -> None:
        names: dict[str, OwnName] = {}
        with TopicReader(self._settings, DRUG_NAMES) as reader:
            while not self._stop.is_set():
                _catch_up(reader, names)
                if names != self._names:
                    self._use(dict(names))
                self._stop.wait(_LOOK_SECONDS)

    def _use(self, names: dict[str, OwnName]) -> None:
        self._lexicon = over(self._base, names)
        self._names = names
        metrics.OWN_DRUG_NAMES.set(len(names))
        log.info("the drug list is in force", own_names=len(names), version=version(names) or "none")


def _catch_up(reader: TopicReader, names: dict[str, OwnName]) -> None:
    for record in reader.to_end():
        try:
            take(names, (record.key or b"").decode(errors="replace"), record.value)
        except BadMessage as error:
            log.warning("a record of the drug list is no name", offset=record.offset, error=error.message)
