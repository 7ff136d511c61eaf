"""A request whose records wait at the desk of their source, and the receipt that it gets."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Literal

from services.ingest.networks.outbox import Place

Kind = Literal["posts", "deletions"]


class CrowdedError(Exception):
    """More requests wait than there is room for."""


@dataclass
class Receipt:
    """What became of a request's records. `kept`: where they are safe; `counts` by the words that metrics count by.

    `rejected`: place in the request, reason and detail of each record that was refused; it never quotes one.
    """

    kept: Place = "kafka"
    counts: Counter[str] = field(default_factory=Counter)
    rejected: list[tuple[int, str, str]] = field(default_factory=list)


@dataclass
class Request:
    """`answer` is the receipt, or None where the records were not taken."""

    kind: Kind
    records: list[bytes]
    answer: Future[Receipt | None] = field(default_factory=Future)
    receipt: Receipt = field(default_factory=Receipt)

    def reply(self, kept: Place | None) -> None:
        """Answer; None: the records are nowhere safe."""
        # One whose sender has gone away is cancelled; its records are as safe as the others.
        if self.answer.set_running_or_notify_cancel():
            self.receipt.kept = kept or self.receipt.kept
            self.answer.set_result(None if kept is None else self.receipt)
