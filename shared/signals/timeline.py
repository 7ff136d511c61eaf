"""A history of closed buckets, evaluated in the order of event time. Pure.

Alerting does the same with its rows and episodes in Redis, whenever a bucket closes.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import groupby

from shared.events import Alert
from shared.signals.episodes import Episodes, record
from shared.signals.findings import evaluate
from shared.signals.near import NearLinks
from shared.signals.rules import HOUR_MS, Rules
from shared.signals.windows import Block, Ledger, Row, Vocabulary

# (start, end) in ms to all rows with start <= event time < end, in the order of event time.
Rows = Callable[[int, int], Iterable[Row]]


class Timeline:
    """The episodes of all pairs while buckets pass. `labels` are looked up when an alert is made.

    `fired_until` tells by signal's id the end of the last bucket that fired, in ms, published or not.
    """

    def __init__(self, rules: Rules, labels: Mapping[str, str]) -> None:
        self.fired_until: dict[str, int] = {}
        self._rules = rules
        self._labels = labels
        self._episodes: dict[tuple[str, str], Episodes] = {}

    def close(self, ledger: Ledger, end_ms: int) -> list[Alert]:
        """The alerts to publish when the bucket that ends at `end_ms` closes. Buckets close in order, each once."""
        alerts = []
        for finding in evaluate(ledger, end_ms, self._rules, lambda _drug: True):
            pair = (finding.drug, finding.reaction)
            self._episodes[pair], alert = record(self._episodes.get(pair, ()), finding, self._labels, self._rules)
            if alert is not None:
                alerts.append(alert)
            # Buckets close in order: the firing belongs to the pair's latest episode.
            self.fired_until[self._episodes[pair][-1].alert.id] = end_ms
        return alerts


def publications(
    buckets: Sequence[int], rows: Rows, rules: Rules, timeline: Timeline
) -> Iterator[tuple[int, list[Alert]]]:
    """Each bucket with the alerts that are published when it closes; an update repeats its id.

    `buckets` are the numbers (event time in ms // length) of the closed buckets that hold rows, in order: no other can raise.
    `timeline` is a new one with the same rules. However long the history, the rows of twice the longest window at
    most are in memory.
    """
    length = rules.time.bucket_ms
    reach = max(rules.time.windows_hours.value) * HOUR_MS // length
    at = 0
    while at < len(buckets):
        first, end = buckets[at], bisect_left(buckets, buckets[at] + reach, at)
        ledger = _ledger(rows((first - reach + 1) * length, (buckets[end - 1] + 1) * length), rules)
        for bucket in buckets[at:end]:
            yield bucket, timeline.close(ledger, (bucket + 1) * length)
        at = end


def _ledger(rows: Iterable[Row], rules: Rules) -> Ledger:
    vocabulary, length = Vocabulary(), rules.time.bucket_ms
    blocks = [Block.of(found, vocabulary) for _, found in groupby(rows, key=lambda row: row.at_ms // length)]
    return Ledger(blocks, vocabulary, NearLinks(rules.near))
