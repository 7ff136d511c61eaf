"""One channel's way through the alerts, in a thread and a consumer group of its own, so that it waits for no other channel.

For each alert, in the order of the topic:

1. the ledger says what the channel was told before; what is the same is passed over;
2. the message is delivered, however long the receiver is away, or parked where it is refused for good;
3. the ledger's record is written and acknowledged;
4. only then the offset is committed.

A crash between 2 and 3 delivers once more, under the same id; nothing else repeats. Faust would run all channels in one group
and one loop, where a channel that waits holds up the others: hence plain consumers.
"""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from typing import Any

from kafka import ConsumerRebalanceListener, KafkaConsumer, TopicPartition
from kafka.errors import KafkaError
from kafka.structs import OffsetAndMetadata
from msgspec.structs import replace

from services.notify import alerts
from services.notify.channel import Channel
from services.notify.channels import Carrier
from services.notify.deliver import MOST, deliver
from services.notify.ledger import Ledger
from services.notify.notices import State, Telling, change_of, telling, withdrawn
from services.notify.patience import STAGE, Patience
from shared import metrics, traces
from shared.broker import SESSION_SECONDS, TopicReader, connect
from shared.errors import BadMessage, DependencyAway
from shared.events import ChannelState, now
from shared.health import HEALTH
from shared.logs import logger
from shared.settings import Settings
from shared.stream import Record
from shared.stream.batches import dead_letter
from shared.topics import ALERTS

log = logger("notify")
_POLL_MS = 500
_MOST_RECORDS = 100
# A receiver may be away for weeks, and all that time the thread waits for it and asks for no records.
_POLL_INTERVAL_MS = 2**31 - 1
_CALL_MS = 20_000


def group_of(settings: Settings, channel: str) -> str:
    """The consumer group of a channel."""
    return f"{settings.topic_prefix}.notify.{channel}"


class Courier:
    """Carries alerts to one channel until `stop` is set."""

    def __init__(
        self, name: str, channel: Channel, carrier: Carrier, link: str | None,
        settings: Settings, ledger: Ledger, stop: threading.Event,
    ) -> None:  # fmt: skip
        self.name = name
        self._channel = channel
        self._carrier = carrier
        self._link = link
        self._settings = settings
        self._ledger = ledger
        self._stop = stop
        self._patience = Patience(name, settings, ledger, stop)
        self._place = TopicPartition(ALERTS.name(settings.topic_prefix), 0)
        self._assigned = False
        self._owns = False
        self._digested: int | None = None
        # Offset of the first alert that was not looked at yet.
        self._next: int | None = None
        self._pause = settings.retry_first

    def run(self) -> None:
        """Work until told to stop. A broker that is away is waited for; nothing else ends the thread."""
        while not self._stop.is_set():
            try:
                self._follow()
            except (DependencyAway, KafkaError) as error:
                if not self._stop.is_set():
                    metrics.DEPENDENCY_UP.labels(self._patience.stage).set(0)
                    log.warning("the broker is away, trying again", channel=self.name, error=str(error))
            except Exception as error:
                # The boundary of the thread; nothing is committed, so nothing is lost.
                log.error(
                    "a channel stumbled, trying again", channel=self.name, error=type(error).__name__, exc_info=True
                )
                self._patience.note(f"error:{type(error).__name__}")
            self._stop.wait(self._pause)
            self._pause = min(self._pause * 2, self._settings.retry_most)
        HEALTH.ended()
        self._carrier.close()

    def _follow(self) -> None:
        group = group_of(self._settings, self.name)
        consumer: Any = connect(
            self._settings, KafkaConsumer, group_id=group, group_instance_id=f"{group}-{self._settings.worker_id}",
            enable_auto_commit=False, auto_offset_reset="earliest", allow_auto_create_topics=False,
            session_timeout_ms=int(SESSION_SECONDS * 1000), heartbeat_interval_ms=3000,
            max_poll_interval_ms=_POLL_INTERVAL_MS,
        )  # fmt: skip
        self._owns = False
        try:
            consumer.subscribe([self._place.topic], listener=_Listener(self))
            while not self._stop.is_set():
                HEALTH.turning()
                records = [
                    one for batch in consumer.poll(_POLL_MS, max_records=_MOST_RECORDS).values() for one in batch
                ]
                if self._assigned:
                    # Where to go on is known only now; what the poll brought along is read again from there.
                    self._assigned = False
                    self._owns = self._place in consumer.assignment()
                    if self._owns:
                        self._take_up(consumer)
                elif records:
                    self._handle(consumer, records)
                elif self._owns:
                    self._digest(consumer)
        finally:
            with suppress(KafkaError):
                consumer.close()

    def note_lag(self, end: int) -> None:
        """Note how many alerts wait, by the offset after the last; also while the channel waits for its receiver."""
        if self._owns and self._next is not None:
            metrics.NOTIFY_LAG.labels(self.name).set(max(0, end - self._next))

    def assigned(self) -> None:
        """Told by the group whenever partitions were shared out."""
        self._assigned = True

    def _take_up(self, consumer: Any) -> None:
        """Go to where the channel was left, or to its beginning where the group has no offset, new or forgotten after a week."""
        self._ledger.catch_up()
        committed = consumer.committed(self._place, timeout_ms=_CALL_MS)
        state = self._ledger.state(self.name) or ChannelState(channel=self.name, began=0)
        position = state.began if committed is None else committed
        if state.digest_from is None and self._channel.digest_hours:
            state = replace(state, digest_from=position)
        self._ledger.write(state)
        consumer.seek(self._place, position)
        self._next = position
        self._digested = None
        self._pause = self._settings.retry_first
        metrics.DEPENDENCY_UP.labels(self._patience.stage).set(1)
        log.info("a channel goes on", channel=self.name, offset=position)

    def _handle(self, consumer: Any, records: list[Any]) -> None:
        self._ledger.catch_up()
        for record in records:
            with traces.message("notify", record.headers or (), adrwatch_stage=STAGE, adrwatch_channel=self.name):
                told = self._tell(record)
            if told or record is records[-1]:
                consumer.commit({self._place: OffsetAndMetadata(record.offset + 1)}, timeout_ms=_CALL_MS)
            self._next = record.offset + 1
            if self._stop.is_set():
                return
        self.note_lag(consumer.highwater(self._place) or 0)

    def _tell(self, record: Any) -> bool:
        """Tell one alert, if there is something to tell; whether the ledger was written."""
        try:
            state = alerts.state_of(record.key, record.value, record.offset, record.timestamp)
            told = self._ledger.told(self.name, state.alert_id)
            if state.alert is None and told is not None and not told.known and told.outcome == "parked":
                self._patience(lambda: self._ledger.write(withdrawn(told, state.offset, now())))
                metrics.NOTICES.labels(self.name, "withdrawn").inc()
                return True
            if state.alert is not None and self._channel.collects(state.alert):
                return False
            one = self._telling(state)
        except DependencyAway:
            raise
        except Exception as error:  # noqa: BLE001 - a record that nobody can read must hold up nobody
            self._bury(record, error)
            return True
        if one is None:
            return False
        self._carry([one], "alert")
        metrics.NOTICE_SECONDS.labels(self.name).observe(max(0.0, time.time() - state.published_ms / 1000))
        return True

    def _telling(self, state: State) -> Telling | None:
        """What the channel is to be told of an alert now; one that it knows is told on, whatever the filters say."""
        told = self._ledger.told(self.name, state.alert_id)
        change = change_of(state, told)
        known = told is not None and told.known
        if change is None or (state.alert is not None and not known and not self._channel.wants(state.alert)):
            return None
        return telling(self.name, state, told, change, now(), self._link)

    def _carry(self, tellings: list[Telling], purpose: Any) -> None:
        records = self._patience(lambda: deliver(self._carrier.carry, self.name, tellings, purpose, self._ledger))
        self._patience(lambda: self._ledger.write(*records))
        state = self._ledger.state(self.name)
        if state is not None and state.error is not None:
            self._patience(lambda: self._ledger.write(replace(state, error=None, since=None)))

    def _digest(self, consumer: Any) -> None:
        """Send the digest that is due, once everything before it was looked at."""
        hours = self._channel.digest_hours
        state = self._ledger.state(self.name)
        # Where digests were switched off, what they had collected goes out at once.
        boundary = alerts.boundary_ms(int(time.time() * 1000), hours) if hours else 0
        if state is None or state.digest_from is None or boundary == self._digested:
            return
        if consumer.position(self._place) < consumer.end_offsets([self._place], timeout_ms=_CALL_MS)[self._place]:
            return
        with TopicReader(self._settings, ALERTS, state.digest_from) as reader:
            states = alerts.readable((one.key, one.value, one.offset, one.written_ms) for one in reader.to_end())
        self._ledger.catch_up()
        found, after = alerts.due(states, state.digest_from, boundary or None)
        tellings = [one for one in map(self._telling, found) if one is not None]
        for start in range(0, len(tellings), MOST):
            self._carry(tellings[start : start + MOST], "digest")
        state = self._ledger.state(self.name) or state
        moved = replace(state, digest_from=after if hours else None)
        if moved != state:
            self._patience(lambda: self._ledger.write(moved))
        self._digested = boundary

    def _bury(self, record: Any, error: Exception) -> None:
        reason = (
            error if isinstance(error, BadMessage) else BadMessage(f"error:{type(error).__name__}", "it cannot be told")
        )
        lying = Record(
            record.topic, record.partition, record.offset, record.key, record.value, tuple(record.headers or ())
        )
        log.error("a record is no alert", channel=self.name, offset=record.offset, reason=reason.reason)
        letter = dead_letter(STAGE, lying, reason)
        self._patience(lambda: self._ledger.send([letter]))


class _Listener(ConsumerRebalanceListener):  # type: ignore[misc]
    def __init__(self, courier: Courier) -> None:
        self._courier = courier

    def on_partitions_revoked(self, revoked: object) -> None:
        """Nothing is in flight between two polls."""

    def on_partitions_assigned(self, assigned: object) -> None:
        self._courier.assigned()
