"""Which stores have honoured deletions: a reader of `adr.deletions` commits its place only after its store has forgotten.

So the places of the groups that read the topic are the receipt, and nothing has to be asked of the stores themselves. It covers
counts, single reports and cases. Published signals are amended later, by the workers that own their pairs, and the pipeline reads
the tombstones of `adr.posts`: when they have forgotten a post, the audit trail's receipts say (`adrwatch audit receipts`).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import tenacity

from shared.broker import TopicReader, committed
from shared.events import now
from shared.settings import Settings
from shared.topics import DELETIONS

# Group of consumers, by the name of its worker, and what is without the post when it has read a deletion.
STORES = {"alerting": "counts and single reports in Redis", "cases": "the case store"}
_LOOK_SECONDS = 0.5
# A worker that is there commits its first place within moments; one that is not would be waited for in vain.
_FIRST_SECONDS = 3.0


@dataclass
class Receipt:
    """When deletions were with the broker, and after how many seconds it was seen that each store had honoured them.

    `waiting` are stores that had not when patience ended; `absent` are those whose worker has never read a deletion: it will read
    all of them when it is started.
    """

    written_at: datetime
    honoured: dict[str, float] = field(default_factory=dict)
    waiting: list[str] = field(default_factory=list)
    absent: list[str] = field(default_factory=list)

    @property
    def complete(self) -> bool:
        """Whether every store that is there has honoured them, and there is one."""
        return bool(self.honoured) and not self.waiting

    def as_dict(self) -> dict[str, Any]:
        """The receipt for machines."""
        return {
            "written_at": self.written_at.isoformat(),
            "honoured_after_seconds": {store: round(seconds, 1) for store, seconds in self.honoured.items()},
            "waiting": self.waiting,
            "absent": self.absent,
            "complete": self.complete,
        }


def wait_for_stores(settings: Settings, patience: float, say: Callable[[str], None]) -> Receipt:
    """Wait until each store has honoured every deletion that is in the topic now, for `patience` seconds at most.

    `say` is told each store that has. Raises AdrwatchError where the broker cannot be asked.
    """
    receipt, began = Receipt(now()), time.monotonic()
    with TopicReader(settings, DELETIONS) as reader:
        [end] = reader.ends().values()

    def look() -> bool:
        places = {store: committed(settings, f"{settings.topic_prefix}.{store}", DELETIONS).get(0) for store in STORES}
        receipt.absent = [store for store, place in places.items() if place is None]
        receipt.waiting = [store for store, place in places.items() if place is not None and place < end]
        for store in places.keys() - {*receipt.absent, *receipt.waiting, *receipt.honoured}:
            receipt.honoured[store] = time.monotonic() - began
            say(f"{STORES[store]}: forgotten after {receipt.honoured[store]:.1f} s")
        return not receipt.waiting and (not receipt.absent or time.monotonic() - began >= _FIRST_SECONDS)

    tenacity.Retrying(
        retry=tenacity.retry_if_result(lambda done: not done),
        wait=tenacity.wait_fixed(_LOOK_SECONDS),
        stop=tenacity.stop_after_delay(patience),
        retry_error_callback=lambda _: False,
    )(look)
    return receipt
