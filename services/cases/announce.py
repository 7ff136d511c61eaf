"""Closed signals go to adr.closures, from which alerting learns that new evidence opens another episode.

Order of steps: the closing is committed; it is sent; the broker acknowledges it; only then is it noted as told. A crash or a
broker that is away in between leaves it untold, and the worker of cases sends it; twice is as good as once.
"""

from __future__ import annotations

from kafka import KafkaProducer
from kafka.errors import KafkaError

from services.cases.reviews import Reviews
from shared.broker import connect
from shared.errors import DependencyAway
from shared.events import Closure, encode, now
from shared.settings import Settings
from shared.topics import CLOSURES

_PATIENCE_SECONDS = 30.0


def announce(settings: Settings, reviews: Reviews) -> int:
    """Tell alerting of the closed signals that it does not know of; how many there were. Raises DependencyAway."""
    found = reviews.untold()
    if not found:
        return 0
    producer = connect(settings, KafkaProducer, acks="all", enable_idempotence=True)
    try:
        name = CLOSURES.name(settings.topic_prefix)
        sent = [
            producer.send(
                name,
                encode(
                    Closure(
                        id=review.id,
                        drug=review.drug,
                        reaction=review.reaction,
                        evidence_until=review.evidence_until,
                        closed_at=now(),
                    )
                ),
                review.id.encode(),
            )
            for review in found
        ]
        for one in sent:
            one.get(_PATIENCE_SECONDS)
    except KafkaError as error:
        raise DependencyAway(f"the broker did not acknowledge: {type(error).__name__}") from error
    finally:
        producer.close()
    reviews.told(found)
    return len(found)
