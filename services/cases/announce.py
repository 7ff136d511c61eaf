"""Closed signals go to adr.closures, from which alerting learns that new evidence opens another episode.

Order of steps: the closing is committed; it is sent; the broker acknowledges it; only then is it noted as told. A crash or a
broker that is away in between leaves it untold, and the worker of cases sends it; twice is as good as once.
"""

from __future__ import annotations

from services.cases.reviews import Reviews
from shared.cases.review import Review
from shared.events import Closure, encode, now
from shared.settings import Settings
from shared.stream import Output
from shared.topics import CLOSURES
from shared.writer import Writer

_PATIENCE_SECONDS = 30.0


def announce(settings: Settings, reviews: Reviews) -> int:
    """Tell alerting of the closed signals that it does not know of; how many there were. Raises DependencyAway."""
    found = reviews.untold()
    if not found:
        return 0
    with Writer(settings, _PATIENCE_SECONDS) as writer:
        writer.write([Output(CLOSURES, review.id, encode(_closure(review))) for review in found])
    reviews.told(found)
    return len(found)


def _closure(review: Review) -> Closure:
    return Closure(
        id=review.id,
        drug=review.drug,
        reaction=review.reaction,
        evidence_until=review.evidence_until,
        closed_at=now(),
    )
