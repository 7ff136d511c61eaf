"""What assessors said of posts: whether one reports a reaction, and where it names what. By the hash of the post, without text.

A label goes when its post is deleted. In the audit trail a post is named by a keyed hash.
"""

from __future__ import annotations

import hashlib
import hmac
from collections import defaultdict
from collections.abc import Collection, Iterable
from datetime import UTC, datetime
from typing import Literal

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from services.cases.audit import Trail
from services.cases.database import Database
from services.cases.tables import DELETED, LABELS
from shared.errors import AdrwatchError

_PURPOSE = "labels of posts"


class Marked(msgspec.Struct, frozen=True):
    """Characters [start, end) of the masked text that name a drug or a reaction."""

    start: int
    end: int
    type: Literal["drug", "reaction"]


class Label(msgspec.Struct, frozen=True):
    """What one assessor said of one post. `label`: 1 it reports a reaction, 0 it does not. `sampled`: the probability with which
    the post was drawn. `probability`: what the classifier said. `at`: ISO 8601, UTC.
    """

    post: str
    assessor: str
    label: int
    spans: tuple[Marked, ...]
    sampled: float
    probability: float
    at: str = ""


class Agreement(msgspec.Struct, frozen=True):
    """How far two assessors agree. `kappa` is None where fewer than two posts were labelled twice, or all have one label."""

    posts: int
    same: int
    kappa: float | None


class Labels:
    """The labels of one database."""

    def __init__(self, database: Database, trail: Trail) -> None:
        self._database = database
        self._trail = trail
        self._key = trail.derived_key(_PURPOSE)

    def put(self, label: Label) -> None:
        """Keep one, in the place of what the same assessor said before. Raises AdrwatchError where the post was deleted."""
        at = datetime.now(UTC).isoformat(timespec="milliseconds")
        spans = msgspec.json.encode(label.spans).decode()
        with self._trail.recording(self._database) as recording:
            connection = recording.connection
            if connection.execute(sa.select(DELETED.c.at).where(DELETED.c.post == label.post)).first() is not None:
                raise AdrwatchError("the post was taken back at its source", fix="go on with the next one")
            connection.execute(LABELS.delete().where(_of(label.post, label.assessor)))
            connection.execute(LABELS.insert().values(**msgspec.structs.asdict(label) | {"at": at, "spans": spans}))
            said = f"{label.label}, {len(label.spans)} spans, sampled {label.sampled:g}"
            recording.add(label.assessor, "label", self._subject(label.post), said)

    def take_back(self, assessor: str) -> str:
        """Take back what an assessor said last; the post. Raises AdrwatchError where there is nothing."""
        with self._trail.recording(self._database) as recording:
            query = sa.select(LABELS.c.post).where(LABELS.c.assessor == assessor).order_by(LABELS.c.at.desc()).limit(1)
            post = recording.connection.scalar(query)
            if post is None:
                raise AdrwatchError("you have labelled nothing", fix="label a post first")
            recording.connection.execute(LABELS.delete().where(_of(post, assessor)))
            recording.add(assessor, "unlabel", self._subject(post), "taken back")
        return str(post)

    def all(self) -> list[Label]:
        """Every label, in the order in which they were given. Raises DependencyAway."""
        with self._database.reading() as connection:
            rows = connection.execute(sa.select(LABELS).order_by(LABELS.c.at, LABELS.c.post)).all()
        return [
            Label(**dict(row._mapping) | {"spans": msgspec.json.decode(row.spans, type=tuple[Marked, ...])})
            for row in rows
        ]

    def taken_back(self) -> set[str]:
        """The hashes of posts that were taken back at their sources. Raises DependencyAway."""
        with self._database.reading() as connection:
            return set(connection.scalars(sa.select(DELETED.c.post)))

    def shown(self, post: str, reader: str) -> None:
        """Note that somebody is shown the text of a post. Raises AdrwatchError and DependencyAway: then it is not to be shown."""
        with self._trail.recording(self._database) as recording:
            recording.add(reader, "read", self._subject(post), "review")

    def exported(self, actor: str, posts: int, reason: str) -> None:
        """Note that the texts of so many labelled posts leave. Raises AdrwatchError and DependencyAway: then they are not to."""
        with self._trail.recording(self._database) as recording:
            recording.add(actor, "export", "labels", f"{reason}: {posts} posts")

    def _subject(self, post: str) -> str:
        return f"label:{hmac.new(self._key, post.encode(), hashlib.sha256).hexdigest()[:20]}"


def drop(connection: Connection, posts: Collection[str], until: datetime | None = None) -> None:
    """Keep no label of these posts, by their hashes; with `until` none that was given up to then."""
    query = LABELS.delete().where(LABELS.c.post.in_(posts))
    if until is not None:
        query = query.where(LABELS.c.at <= until.isoformat(timespec="milliseconds"))
    connection.execute(query)


def by_post(labels: Iterable[Label]) -> dict[str, list[Label]]:
    """Labels by post, in the order in which they were given. Pure."""
    found: dict[str, list[Label]] = defaultdict(list)
    for one in labels:
        found[one.post].append(one)
    return dict(found)


def agreement(labels: Iterable[Label]) -> Agreement:
    """Cohen's kappa (Educational and Psychological Measurement 20, 1960) over the posts that two assessors have labelled.

    Of each post the first two labels count, in the order of the assessors' names: which came first says nothing. Pure.
    """
    twice = (sorted(said[:2], key=lambda one: one.assessor) for said in by_post(labels).values() if len(said) > 1)
    pairs = [(one.label, other.label) for one, other in twice]
    same = sum(one == other for one, other in pairs)
    if len(pairs) < 2:
        return Agreement(len(pairs), same, None)
    first, second = (sum(column) / len(pairs) for column in zip(*pairs, strict=True))
    chance = first * second + (1 - first) * (1 - second)
    kappa = None if chance == 1 else (same / len(pairs) - chance) / (1 - chance)
    return Agreement(len(pairs), same, kappa)


def _of(post: str, assessor: str) -> sa.ColumnElement[bool]:
    return (LABELS.c.post == post) & (LABELS.c.assessor == assessor)
