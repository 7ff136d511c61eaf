"""Messages as the pipeline writes them, for the tests of the back-test."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.console import Console

from services.backtest.kept import Kept
from services.ingest.source import Origin, Reject
from shared.events import Mention, Outcome, encode
from shared.stream import Output
from shared.topics import MENTIONS, OUTCOMES


def outputs(events: Iterable[Outcome | Mention]) -> list[Output]:
    return [
        Output(OUTCOMES, event.post_id, encode(event))
        if isinstance(event, Outcome)
        else Output(MENTIONS, event.id, encode(event))
        for event in events
    ]


def filled(*batches: Sequence[Outcome | Mention]) -> Kept:
    """A store that has taken in the batches."""
    kept = Kept()
    for batch in batches:
        kept.add(outputs(batch))
    return kept


def reject(line: int, reason: str = "bad-json", post_id: str | None = None) -> Reject:
    return Reject(reason, "made for a test", Origin("posts.jsonl", line), b"", post_id)


def quiet() -> Console:
    """A console that nobody sees."""
    return Console(quiet=True)
