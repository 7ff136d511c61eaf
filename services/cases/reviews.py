"""Signals under review: taken up from their alerts, closed so that alerting hears of it."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime

import sqlalchemy as sa

from services.cases.audit import Recording
from services.cases.book import Book, Comment
from services.cases.tables import REVIEWS
from shared.cases.review import Review, review_of, updated
from shared.events import Alert


class Reviews(Book[Review]):
    """Signals under review in one database, for one actor."""

    kind = Review
    table = REVIEWS
    command = "review"

    def take_up(self, alert: Alert) -> None:
        """Begin a review, or note that the person who acts sees the alert as it is now. A closed one stays as it was closed."""
        with self._trail.recording(self._database) as recording:
            self._taken_up(recording, alert)

    def look_at(self, alert: Alert, reason: str) -> tuple[Review, list[Comment]]:
        """Take it up and look at it, at once: one turn at the database instead of two."""
        with self._trail.recording(self._database) as recording:
            self._taken_up(recording, alert)
            return self._looked(recording, alert.id, reason)

    def untold(self) -> list[Review]:
        """The closed signals of which alerting does not know yet."""
        query = sa.select(REVIEWS.c.document).where(REVIEWS.c.state == "closed", REVIEWS.c.told == 0)
        with self._database.reading() as connection:
            return [self._decoded(row.document) for row in connection.execute(query.order_by(REVIEWS.c.id))]

    def told(self, reviews: Collection[Review]) -> None:
        """Note that alerting was told."""
        with self._database.writing() as connection:
            ids = [review.id for review in reviews]
            connection.execute(REVIEWS.update().where(REVIEWS.c.id.in_(ids)).values(told=1))

    def _taken_up(self, recording: Recording, alert: Alert) -> None:
        found = self._found(recording.connection, alert.id)
        if found is None:
            self._add(recording, review_of(alert, datetime.now(UTC), self._actor), "first look", told=0)
        elif found.state != "closed" and (after := updated(found, alert)) != found:
            self._write(recording, found, after, "evidence", "the signal was updated")
