"""What people decide of a signal. Pure."""

from __future__ import annotations

from datetime import datetime

import msgspec

from shared.cases.model import Dossier
from shared.events import Alert


class Review(Dossier, frozen=True, kw_only=True, omit_defaults=True):
    """A signal under review. `id`, `episode` and `previous` are the alert's; `evidence_until` ends the last bucket seen."""

    noun = "signal"

    episode: datetime
    evidence_until: datetime
    previous: str | None = None


def review_of(alert: Alert, opened_at: datetime, opened_by: str) -> Review:
    """A new review of a signal."""
    return Review(
        id=alert.id,
        opened_at=opened_at,
        opened_by=opened_by,
        drug=alert.drug,
        reaction=alert.reaction,
        episode=alert.episode,
        evidence_until=alert.evaluated_at,
        previous=alert.previous,
        rule_version=alert.rule_version,
        overrides=alert.overrides,
    )


def updated(review: Review, alert: Alert) -> Review:
    """The review after a look at its alert as it is now: how far its evidence reaches, and the rules by which it stands."""
    if alert.evaluated_at < review.evidence_until:
        return review
    return msgspec.structs.replace(
        review, evidence_until=alert.evaluated_at, rule_version=alert.rule_version, overrides=alert.overrides
    )
