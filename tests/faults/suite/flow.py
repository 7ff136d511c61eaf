"""How fast posts flow to their outcomes, and outcomes into the counts, looked at four times a second from outside."""

from __future__ import annotations

import bisect
import threading
import time
from collections import deque
from dataclasses import dataclass

from confluent_kafka import Consumer, KafkaException, TopicPartition

from shared.topics import OUTCOMES

_EACH = 0.25
# The flow is back where it is at least half for so long.
WINDOW = 1.5
_KEPT = 4000


@dataclass(frozen=True)
class Look:
    """Outcomes written and outcomes counted by alerting, in all, at a moment of the monotonic clock."""

    at: float
    written: int
    counted: int


class Flow:
    """A thread that looks. `kafka`: the broker's own address, past all proxies."""

    def __init__(self, kafka: str, prefix: str, rate: float) -> None:
        self.rate = rate
        self._topic = OUTCOMES.name(prefix)
        self._options = {
            "bootstrap.servers": kafka, "group.id": f"{prefix}.alerting", "enable.auto.commit": False,
            "reconnect.backoff.max.ms": 300, "socket.timeout.ms": 2000, "log_level": 0,
        }  # fmt: skip
        self._looks: deque[Look] = deque(maxlen=_KEPT)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="flow", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """Look no more."""
        self._stop.set()
        self._thread.join(10)

    def last(self) -> Look | None:
        """The last look that the broker answered."""
        return self._looks[-1] if self._looks else None

    def normal(self, now: float) -> float:
        """Posts a second until now, over some seconds; not more than are sent when nothing has to be caught up with."""
        looks = [look for look in list(self._looks) if now - 8 <= look.at <= now]
        if len(looks) < 2:
            return self.rate
        first, last = looks[0], looks[-1]
        return min(self.rate, (last.written - first.written) / max(last.at - first.at, WINDOW))

    def back(self, since: float, half: float) -> float | None:
        """When both flows were at least `half` posts a second again, in the window that begins there; None where not yet."""
        looks = [look for look in list(self._looks) if look.at >= since]
        times = [look.at for look in looks]
        for place, look in enumerate(looks):
            end = bisect.bisect_left(times, look.at + WINDOW)
            if end == len(looks):
                return None
            later, soon = looks[end], looks[bisect.bisect_left(times, look.at + WINDOW / 2, hi=end)]
            seconds = later.at - look.at
            if all(
                after - before >= half * seconds and middle > before
                for before, middle, after in (
                    (look.written, soon.written, later.written),
                    (look.counted, soon.counted, later.counted),
                )
            ):
                return times[place]
        return None

    def _run(self) -> None:
        consumer = Consumer(self._options)
        places = [TopicPartition(self._topic, partition) for partition in range(OUTCOMES.partitions)]
        while not self._stop.wait(_EACH):
            try:
                written = sum(consumer.get_watermark_offsets(place, timeout=1.0)[1] for place in places)
                counted = sum(max(place.offset, 0) for place in consumer.committed(places, timeout=1.0))
            except KafkaException:
                # librdkafka may go on to ask a coordinator that is gone long after the broker is back; a new client does not.
                consumer.close()
                consumer = Consumer(self._options)
                continue
            self._looks.append(Look(time.monotonic(), written, counted))
        consumer.close()
