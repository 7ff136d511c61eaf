"""The closed buckets' rows, decoded and in memory; only buckets whose version changed are read again."""

from __future__ import annotations

import asyncio

from services.alerting.rows import RowStore
from shared.signals.near import NearLinks
from shared.signals.rules import Rules
from shared.signals.windows import Block, Ledger, Row, Vocabulary

# Marks of authors and words that left with their buckets are let go when they outnumber the rows in memory by half and this much.
SPARE_MARKS = 10_000


class History:
    """A ledger of all closed buckets that are kept."""

    def __init__(self, store: RowStore, rules: Rules) -> None:
        self._store = store
        self._links = NearLinks(rules.near)
        self._vocabulary = Vocabulary()
        self._blocks: dict[int, tuple[int, Block]] = {}
        self.ledger = Ledger([], self._vocabulary, self._links)

    async def refresh(self, first: int, end: int) -> dict[int, int]:
        """Bring the ledger to the buckets in [first, end); gives their versions as the ledger shows them."""
        # Versions before rows: a row that comes in between changes a version that was not noted yet.
        versions = await self._store.versions(first, end)
        changed = [b for b, version in versions.items() if b not in self._blocks or self._blocks[b][0] != version]
        gone = self._blocks.keys() - versions.keys()
        if changed or gone:
            rows = await self._store.read(changed)
            for bucket in gone:
                del self._blocks[bucket]
            await asyncio.to_thread(self._take_in, rows, versions)
        return versions

    def _take_in(self, rows: dict[int, list[Row]], versions: dict[int, int]) -> None:
        for bucket, found in rows.items():
            self._blocks[bucket] = (versions[bucket], Block.of(found, self._vocabulary))
        blocks = [self._blocks[bucket][1] for bucket in sorted(self._blocks)]
        self.ledger = Ledger(blocks, self._vocabulary, self._links)
        most = 1.5 * len(self.ledger.at) + SPARE_MARKS
        if len(self._vocabulary.authors) > most:
            self._vocabulary.authors.keep(self.ledger.authors)
        if len(self._vocabulary.fingerprints) > most:
            self._vocabulary.fingerprints.keep(self.ledger.fingerprints)
