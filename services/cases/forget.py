"""Deletions reach cases: a post that was taken back at its source is not named by its case any more. The agent on adr.deletions.

The case itself stays, for a safety team must keep what it has assessed; it is its own account, without text of the post.
"""

from __future__ import annotations

import asyncio

from services.cases.casebook import Casebook
from services.cases.receipts import Receipts
from shared.errors import BadMessage
from shared.events import Deletion, decode
from shared.forgetting import honoured
from shared.stream import BatchResult, Record


class CaseForgetter:
    """Handles micro-batches of deletions."""

    def __init__(self, book: Casebook, receipts: Receipts) -> None:
        self._book = book
        self._receipts = receipts

    async def handle(self, records: list[Record]) -> BatchResult:
        """Take the posts out of their cases, then note it in the audit trail. A deletion that comes twice changes no case.

        Raises DependencyAway.
        """
        result = BatchResult()
        deletions: dict[str, Deletion] = {}
        for record in records:
            try:
                deletion = decode(record.value, Deletion)
                deletions[deletion.id] = deletion
            except BadMessage as error:
                result.bad.append((record, error))
        if deletions:
            await asyncio.to_thread(self._book.forget, deletions.keys())
            forgotten = [honoured(deletion, "cases") for deletion in deletions.values()]
            await asyncio.to_thread(self._receipts.note, forgotten)
        return result
