"""Deletions reach cases: a post that was taken back at its source is not named by its case any more. The agent on adr.deletions.

The case itself stays, for a safety team must keep what it has assessed; it is its own account, without text of the post.
"""

from __future__ import annotations

import asyncio

from services.cases.casebook import Casebook
from shared.errors import BadMessage
from shared.events import Deletion, decode
from shared.stream import BatchResult, Record


class CaseForgetter:
    """Handles micro-batches of deletions."""

    def __init__(self, book: Casebook) -> None:
        self._book = book

    async def handle(self, records: list[Record]) -> BatchResult:
        """Take the posts out of their cases. A deletion that comes twice changes nothing. Raises DependencyAway."""
        result = BatchResult()
        posts = set()
        for record in records:
            try:
                posts.add(decode(record.value, Deletion).id)
            except BadMessage as error:
                result.bad.append((record, error))
        if posts:
            await asyncio.to_thread(self._book.forget, posts)
        return result
