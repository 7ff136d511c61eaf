"""Deletions reach cases: a post that was taken back at its source is not named by its case any more. The agent on adr.deletions.

The case itself stays, for a safety team must keep what it has assessed; it is its own account, without text of the post. Of a post
that was edited a later version may open a case.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

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
        deletions: list[Deletion] = []
        edited: dict[str, datetime] = {}
        for record in records:
            try:
                deletion = decode(record.value, Deletion)
                deletions.append(deletion)
                if deletion.edited:
                    edited[deletion.id] = datetime.fromtimestamp(record.written_ms / 1000, UTC)
            except BadMessage as error:
                result.bad.append((record, error))
        if deletions:
            for_good = [deletion.id for deletion in deletions if not deletion.edited]
            if for_good:
                await asyncio.to_thread(self._book.forget, for_good)
            for post, at in edited.items():
                await asyncio.to_thread(self._book.forget, [post], edited=at)
            forgotten = [honoured(deletion, "cases") for deletion in deletions]
            await asyncio.to_thread(self._receipts.note, forgotten)
        return result
