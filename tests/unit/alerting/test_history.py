"""What is in memory of closed buckets stays as large as they are, and counts as if it had been read anew."""

from __future__ import annotations

from typing import Any

import pytest

from services.alerting import history
from services.alerting.history import History
from shared.signals.rules import shipped
from shared.signals.windows import Row

HOUR = 3_600_000
PAIR = ("d1", "r1")
EACH, KEPT = 40, 3


class Buckets:
    """Rows by bucket, of which each has an author and words of its own but for the last, which has those of the bucket before."""

    def __init__(self) -> None:
        self.rows = {bucket: self._rows(bucket) for bucket in range(30)}

    def _rows(self, bucket: int) -> list[Row]:
        own = [(f"{bucket}-{i}", f"{bucket}-{i}") for i in range(EACH - 1)]
        named = [*own, (f"{bucket - 1}-0", f"{bucket - 1}-1")]
        return [
            Row(f"p{bucket}-{i}", bucket * HOUR + i, author, words, (PAIR,), None, False)
            for i, (author, words) in enumerate(named)
        ]

    async def versions(self, first: int, end: int) -> dict[int, int]:
        return {bucket: 1 for bucket in self.rows if first <= bucket < end}

    async def read(self, buckets: list[int]) -> dict[int, list[Row]]:
        return {bucket: self.rows[bucket] for bucket in buckets}


async def test_marks_that_left_with_their_buckets_are_let_go_and_windows_count_as_before(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(history, "SPARE_MARKS", 10)
    store: Any = Buckets()
    kept = History(store, shipped())
    most = 0
    for end in range(1, 31):
        await kept.refresh(end - KEPT, end)
        vocabulary = kept.ledger.vocabulary
        most = max(most, len(vocabulary.authors), len(vocabulary.fingerprints))
        fresh = History(store, shipped())
        await fresh.refresh(end - KEPT, end)
        window = ((end - KEPT) * HOUR, end * HOUR)
        assert kept.ledger.window(*window).posts(0, 999) == fresh.ledger.window(*window).posts(0, 999), end
        assert kept.ledger.linked() == fresh.ledger.linked(), end
    assert kept.ledger.linked()[0] == KEPT - 1
    assert most <= 1.5 * KEPT * EACH + 10 + EACH
    await kept.refresh(100, 110)
    assert (len(kept.ledger.vocabulary.authors), len(kept.ledger.vocabulary.fingerprints)) == (0, 0)
