"""Cases: opened from single reports, and what a deletion of their post does to them."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime, timedelta

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from services.cases import traces
from services.cases.flags import FlaggedBook
from services.cases.labels import drop as drop_labels
from services.cases.tables import CASES, DELETED
from shared.cases.model import Case, case_id, named, suggested
from shared.errors import AdrwatchError
from shared.events import Alert, derived_id
from shared.forgetting import PROMISED_SECONDS
from shared.topics import DELETIONS

# What an edit has made untrue can still be seen for so long: until every store has forgotten it.
_SEEN = timedelta(seconds=PROMISED_SECONDS)


class Casebook(FlaggedBook):
    """Cases of one database, for one actor."""

    def open(self, alert: Alert, serious: tuple[str, ...], situations: tuple[str, ...], reason: str) -> Case:
        """A case from an item of the single-report queue. A second one from the same item is the first, which is recorded as read.

        `serious` and `situations` are what the item was opened for; a person confirms them. Raises AdrwatchError for
        an item whose post was deleted at its source, or was edited within the last minute: it may be from before that.
        """
        post = alert.examples[0] if alert.examples else None
        case = Case(
            id=case_id(alert.id),
            opened_at=datetime.now(UTC),
            opened_by=self._actor,
            drug=alert.drug,
            reaction=alert.reaction,
            alert=alert.id,
            post=post,
            source=(post or "").partition(":")[0],
            terms=alert.terms,
            criteria=named(alert.drug, alert.reaction),
            seriousness=suggested(serious),
            situations=situations,
            rule_version=alert.rule_version,
            overrides=alert.overrides,
        )
        with self._trail.recording(self._database) as recording:
            if (there := self._found(recording.connection, case.id)) is not None:
                self._saw(recording, there, reason)
                return there
            if post is not None and _is_deleted(recording.connection, post):
                raise AdrwatchError(
                    f"the post of item {alert.id} was deleted at its source",
                    fix="open a case from another item of the single-report queue",
                )
            if post is not None and _was_edited(recording.connection, post, case.opened_at):
                raise AdrwatchError(
                    f"the post of item {alert.id} was edited at its source a moment ago",
                    fix="look at the item again in a minute: it goes, or is as the post is now",
                )
            self._add(recording, case, reason, post=derived_id(post) if post else None)
            traces.begin(recording.connection, case, alert.episode)
        return case

    def link(self, first: str, second: str, reason: str, *, linked: bool = True) -> list[Case]:
        """Note in two cases that they are of the same patient and reaction, or that they are not after all.

        Each case has its row of the trail. Where nothing changes, both are recorded as read. Raises AdrwatchError for one case,
        or for one that there is not. Closed cases may be linked: a duplicate is often found late.
        """
        if first == second:
            raise AdrwatchError(f"case {first} cannot be linked to itself", fix="give two cases")
        with self._trail.recording(self._database) as recording:
            found = [self._existing(recording.connection, one) for one in (first, second)]
            after = []
            for case, other in zip(found, (second, first), strict=True):
                others = {*case.duplicates, other} if linked else {*case.duplicates} - {other}
                new = msgspec.structs.replace(case, duplicates=tuple(sorted(others)))
                if new == case:
                    self._saw(recording, case, reason)
                else:
                    self._write(recording, case, new, "link" if linked else "unlink", reason)
                after.append(new)
        return after

    def forget(self, posts: Collection[str], *, edited: datetime | None = None) -> int:
        """Take posts that were deleted at their source out of their cases; how many cases there were.

        Nothing that is known of the posts is kept, no label either, and no case is flagged because of them any more. Their hashes
        are kept as long as a deletion is, so that no case is opened from one afterwards. Raises DependencyAway also where it was
        done and the database's journal still has it.

        `edited`: the posts still stand at their source, and were edited then. Only what is from before goes: a case that was opened
        within a minute after it may be, and goes with it.
        """
        hashes = sorted({derived_id(post) for post in posts})
        with self._trail.recording(self._database) as recording:
            connection = recording.connection
            _note(connection, hashes, edited)
            query = sa.select(CASES.c.document).where(CASES.c.post.in_(hashes)).order_by(CASES.c.id)
            cases = [self._decoded(row.document) for row in connection.execute(query).all()]
            found = [case for case in cases if edited is None or case.opened_at <= edited + _SEEN]
            for case in found:
                after = msgspec.structs.replace(case, post=None, flags=())
                why = "deleted at its source" if edited is None else "edited at its source"
                self._write(recording, case, after, "forget", why, post=None)
            self._release(recording, found)
            drop_labels(connection, hashes, edited)
        self._database.erase()
        return len(found)


def _is_deleted(connection: Connection, post: str) -> bool:
    return connection.execute(sa.select(DELETED.c.at).where(DELETED.c.post == derived_id(post))).first() is not None


def _edit_of(post: str) -> str:
    """The key of an edit among the posts that were taken back, from the hash of the post: no post has it."""
    return derived_id("edited", post)


def _was_edited(connection: Connection, post: str, now: datetime) -> bool:
    """Whether what is seen of a post may be of before an edit."""
    since = (now - _SEEN).isoformat()
    query = sa.select(DELETED.c.at).where(DELETED.c.post == _edit_of(derived_id(post)), DELETED.c.at > since)
    return connection.execute(query).first() is not None


def _note(connection: Connection, hashes: list[str], edited: datetime | None) -> None:
    moment = datetime.now(UTC)
    oldest = moment - timedelta(milliseconds=DELETIONS.retention_ms)
    connection.execute(DELETED.delete().where(DELETED.c.at < oldest.isoformat()))
    if edited is not None:
        # The last edit counts.
        keys = [_edit_of(one) for one in hashes]
        connection.execute(DELETED.delete().where(DELETED.c.post.in_(keys), DELETED.c.at < edited.isoformat()))
        hashes, moment = keys, edited
    known = set(connection.scalars(sa.select(DELETED.c.post).where(DELETED.c.post.in_(hashes))))
    new = [{"post": one, "at": moment.isoformat()} for one in hashes if one not in known]
    if new:
        connection.execute(DELETED.insert(), new)
