"""From the outcome of a post to what the windows keep of it. Pure."""

from __future__ import annotations

from shared.events import Outcome
from shared.signals.windows import Row, to_ms


def row_of(outcome: Outcome) -> Row | None:
    """The row of a post that asserts a pair; None for any other."""
    if not outcome.pairs:
        return None
    pairs = tuple(sorted({(pair.drug.id, pair.reaction.id) for pair in outcome.pairs}))
    return Row(
        post_id=outcome.post_id,
        at_ms=to_ms(outcome.created_at),
        author=outcome.author,
        fingerprint=outcome.fingerprint,
        pairs=pairs,
        sketch=outcome.sketch,
        unnamed=outcome.aggregates_only,
    )


def labels_of(outcome: Outcome) -> dict[str, str]:
    """Id to label of the concepts that an outcome names."""
    return {concept.id: concept.label for pair in outcome.pairs for concept in (pair.drug, pair.reaction)}
