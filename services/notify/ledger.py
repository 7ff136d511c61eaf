"""What each channel was told, and how far it has come: the topics adr.notified and adr.channels, held in memory while it runs.

Kafka keeps both, so that neither a restart nor a Redis that lost everything makes anybody hear of an alert twice.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

from shared.broker import ANSWER_SECONDS, TopicReader
from shared.errors import BadMessage
from shared.events import ChannelState, Notified, decode, encode
from shared.logs import logger
from shared.settings import Settings
from shared.stream import Output
from shared.topics import CHANNELS, NOTIFIED
from shared.writer import Writer

log = logger("notify")


class Ledger:
    """May be used by several threads. Others write it too (`adrwatch notify retry`), so `catch_up` before a decision.

    Use as a context manager. Making one raises what `require_topics` raises.
    """

    def __init__(self, settings: Settings) -> None:
        self._writer = Writer(settings, ANSWER_SECONDS)
        self._lock = threading.RLock()
        self._told: dict[tuple[str, str], Notified] = {}
        self._states: dict[str, ChannelState] = {}
        with ExitStack() as stack:
            self._notified = stack.enter_context(TopicReader(settings, NOTIFIED))
            self._channels = stack.enter_context(TopicReader(settings, CHANNELS))
            self._readers = stack.pop_all()

    def __enter__(self) -> Ledger:
        self.catch_up()
        return self

    def __exit__(self, *exception: object) -> None:
        self._readers.close()
        self._writer.close()

    def catch_up(self) -> None:
        """Take in what was written since. Raises DependencyAway."""
        with self._lock:
            for record in self._notified.to_end():
                self._apply(record.value, Notified)
            for record in self._channels.to_end():
                self._apply(record.value, ChannelState)

    def told(self, channel: str, alert_id: str) -> Notified | None:
        """What became of the last thing that a channel was to be told of an alert."""
        return self._told.get((channel, alert_id))

    def all_of(self, channel: str) -> list[Notified]:
        """Everything of one channel, the oldest first."""
        with self._lock:
            found = [record for (name, _), record in self._told.items() if name == channel]
        return sorted(found, key=lambda record: (record.notified_at, record.alert_id))

    def state(self, channel: str) -> ChannelState | None:
        """How far a channel has come; None for one that never ran."""
        return self._states.get(channel)

    def write(self, *records: Notified | ChannelState) -> None:
        """Keep records; returns when the broker has acknowledged all. Raises DependencyAway."""
        self.send([Output(_topic(record), _key(record), encode(record)) for record in records])
        with self._lock:
            for record in records:
                self._keep(record)

    def send(self, outputs: Sequence[Output]) -> None:
        """Write messages and wait for the broker's acknowledgement of each. Raises DependencyAway."""
        self._writer.write(outputs)

    def _apply(self, value: bytes | None, kind: type[Notified] | type[ChannelState]) -> None:
        try:
            self._keep(decode(value, kind))
        except BadMessage as error:
            # Nobody but adrwatch writes there; an alert whose record is unreadable is told again rather than never.
            log.warning("a record of the ledger is unreadable and left out", reason=error.reason)

    def _keep(self, record: Notified | ChannelState) -> None:
        if isinstance(record, Notified):
            self._told[record.channel, record.alert_id] = record
        else:
            self._states[record.channel] = record


def _topic(record: Notified | ChannelState) -> Any:
    return NOTIFIED if isinstance(record, Notified) else CHANNELS


def _key(record: Notified | ChannelState) -> str:
    return f"{record.channel} {record.alert_id}" if isinstance(record, Notified) else record.channel
