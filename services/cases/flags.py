"""Cases that may be of one patient are flagged in both, with the reasons; each flag has its row of the audit trail.

Order of steps: a case is opened, and waits; the topics are asked for its post; what they know is kept, and the flags that follow
from it are written, in one transaction. A crash or a broker that is away in between leaves the case waiting, and the worker of
cases, or whoever lists duplicates, goes on. What was flagged is not flagged again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime

import msgspec

from services.cases import traces
from services.cases.audit import Recording
from services.cases.book import Book
from services.cases.tables import CASES
from shared.cases.duplicates import Marks, Pair, because, flagged, pairs
from shared.cases.model import Case

_SKETCHES = "sketches of words"


class FlaggedBook(Book[Case]):
    """Cases, held against each other."""

    kind = Case
    table = CASES
    command = "cases"

    @property
    def sketch_key(self) -> bytes:
        """The key of the sketches of posts' words."""
        return self._trail.derived_key(_SKETCHES)

    def forget_outdated(self) -> None:
        """Keep nothing that is known of posts for longer than adr.outcomes does."""
        with self._database.reading() as connection:
            found = traces.outdated(connection)
        if found:
            with self._database.writing() as connection:
                traces.drop_outdated(connection)

    def waiting(self) -> dict[str, datetime | None]:
        """The posts of the cases that were not held against others yet, with the time of the post where that is known."""
        with self._database.reading() as connection:
            found = traces.waiting(connection)
        return {case.post: at for document, at in found if (case := self._decoded(document)).post is not None}

    def take_in(self, posts: Collection[str], known: Mapping[str, Marks]) -> dict[str, Case]:
        """Keep what the topics know of posts of cases that wait, and flag; the cases that have a new flag.

        A post of which they know nothing is not looked up again: its case is held against others by the post alone.
        """
        with self._trail.recording(self._database) as recording:
            new = traces.fill(recording.connection, posts, known)
            return self._flag(recording, traces.later(recording.connection, new)) if new else {}

    def flag_again(self) -> dict[str, Case]:
        """Hold all cases against each other; those that have a new flag."""
        # What takes time is done while others may write.
        with self._database.reading() as connection:
            found = list(pairs(traces.candidates(connection)))
        with self._trail.recording(self._database) as recording:
            there = traces.looked_into(recording.connection)
            return self._write_flags(recording, (pair for pair in found if {pair.first, pair.second} <= there.keys()))

    def written(self) -> dict[str, datetime]:
        """When the posts of cases were written, by case, as far as that is known."""
        with self._database.reading() as connection:
            found = traces.looked_into(connection)
        return {case: at for case, at in found.items() if at is not None}

    def _release(self, recording: Recording, deleted: Collection[Case]) -> None:
        """Take the flags that posts gave which were deleted out of the other cases, and hold those against each other anew."""
        gone = {case.id for case in deleted}
        traces.drop(recording.connection, gone)
        others = {flag.case for case in deleted for flag in case.flags} - gone
        for other in sorted(others):
            before = self._existing(recording.connection, other)
            kept = tuple(flag for flag in before.flags if flag.case not in gone)
            why = f"deleted at its source: the post of case {', '.join(sorted({f.case for f in before.flags} & gone))}"
            self._write(recording, before, msgspec.structs.replace(before, flags=kept), "unflag", why)
        self._flag(recording, others)

    def _flag(self, recording: Recording, wanted: Collection[str]) -> dict[str, Case]:
        return self._write_flags(recording, pairs(traces.candidates(recording.connection, wanted), wanted))

    def _write_flags(self, recording: Recording, found: Iterable[Pair]) -> dict[str, Case]:
        changed = {}
        for pair in found:
            for one, other in ((pair.second, pair.first), (pair.first, pair.second)):
                before = self._existing(recording.connection, one)
                after = flagged(before, other, pair)
                if after != before:
                    why = f"may be one with case {other}: {because(pair.reasons, pair.similarity)}"
                    self._write(recording, before, after, "flag", why)
                    changed[one] = after
        return changed
