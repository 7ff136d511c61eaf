"""From outcomes to rows: the agent on adr.outcomes."""

from __future__ import annotations

import time
from collections.abc import Callable

from services.alerting.rows import Batch, RowStore
from services.alerting.versions import is_older, version
from services.alerting.watermark import Idleness
from shared import metrics
from shared.errors import BadMessage
from shared.events import Outcome, decode, now
from shared.signals.reports import labels_of, row_of
from shared.signals.windows import to_ms
from shared.stream import BatchResult, Record


class Counter:
    """Handles micro-batches of outcomes.

    Every outcome moves its partition's event time; one with pairs becomes the post's row; one without takes back the row that an
    earlier outcome of the post may have left. Within a post the later outcome wins, unless it is of an earlier version of the post.
    """

    def __init__(
        self,
        store: RowStore,
        idleness: Idleness,
        kept_from: Callable[[], int | None],
        future_limit: float,
    ) -> None:
        """`kept_from` gives the start in ms of the first bucket that is kept, None before it is known."""
        self._store = store
        self._idleness = idleness
        self._kept_from = kept_from
        self._future_limit = future_limit

    async def handle(self, records: list[Record]) -> BatchResult:
        """Write the batch to Redis. Refuses `future` and what cannot be read. Raises DependencyAway."""
        result = BatchResult()
        batch = Batch({}, set(), {}, {})
        ours = now().timestamp()
        for record in records:
            self._idleness.busy(record.partition, time.monotonic())
            try:
                outcome = decode(record.value, Outcome)
                # By the clock of whoever wrote the record, where ours is behind.
                if outcome.created_at.timestamp() > max(ours, record.written_ms / 1000) + self._future_limit:
                    raise BadMessage("future", f"the post's time {outcome.created_at.isoformat()} lies in the future",
                                     fix="mend the clock of its source")  # fmt: skip
            except BadMessage as error:
                result.bad.append((record, error))
                continue
            self._add(batch, outcome, record.partition, version(record))
        await self._store.write(batch)
        metrics.REPORTS.inc(len(batch.rows))
        return result

    def _add(self, batch: Batch, outcome: Outcome, partition: int, of: int) -> None:
        at = to_ms(outcome.created_at)
        batch.latest[partition] = max(at, batch.latest.get(partition, at))
        post, kept_from = outcome.post_id, self._kept_from()
        if is_older(of, batch.versions.get(post, 0)):
            return
        batch.versions[post] = of
        batch.rows.pop(post, None)
        batch.without.discard(post)
        if kept_from is not None and at < kept_from:
            metrics.TOO_LATE.inc(len(outcome.pairs) > 0)
        elif (row := row_of(outcome)) is not None:
            batch.rows[post] = row
            batch.labels |= labels_of(outcome)
        else:
            batch.without.add(post)
