"""What a source has read while Kafka is slow or away: parcels on disk, as many as the settings allow, drained in their order.

A record is one parcel with the position after it, so that a crash leaves whole parcels and the place to go on from; a record that a
crash has cut off is cut away at the next start. A segment is removed when all in it is with the broker; until then a start delivers
it again from its beginning, under the same ids.

Of ready-made queues, persist-queue pickles and has no checksums, and a database such as SQLite is one file that keeps its size,
and in pages that are free the texts. A segment that is removed is gone.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import msgspec

from services.ingest.networks import segments
from services.ingest.networks.parcel import Parcel
from services.ingest.networks.segments import Contents, Entry
from shared.errors import AdrwatchError
from shared.events import Position
from shared.logs import logger
from shared.settings import Settings
from shared.topics import POSTS, PUBLISHED

log = logger("sources")

_SEGMENT_BYTES = 8 << 20
_MIB = 1 << 20


def folder_of(settings: Settings, source: str) -> Path:
    """Where the spool of a source is."""
    return settings.data_dir / "spool" / source


class Spool:
    """The spool of one source, for one process at a time. Those who use it from several threads hold a lock.

    `resume` is the position to go on from at the start: that of the last record, or of the last before one that is damaged, so that
    a network that keeps its posts sends again what was in that; None where the position that the broker holds is to be used.
    Raises AdrwatchError where another process has the spool, or the folder cannot be used.
    """

    def __init__(self, name: str, settings: Settings) -> None:
        self.resume: Position | None = None
        self._name = name
        self._folder = folder_of(settings, name)
        self._most = settings.spool_mib * _MIB
        self._free = settings.spool_free_mib * _MIB
        self._every = _sync_seconds(settings.spool_fsync)
        self._synced = 0.0
        self._waiting: deque[tuple[int, Entry]] = deque()
        # Which record takes a post back; numbers rise from record to record.
        self._gone: dict[str, int] = {}
        self._count = 0
        self._bytes = self._posts = 0
        self._segment = 1
        self._trouble: str | None = None
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = (self._folder / "lock").open("a")
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._find()
        except BlockingIOError:
            self._lock.close()
            raise AdrwatchError(
                f"another process follows the source {name}", fix="stop it, or set ADRWATCH_DATA_DIR to another folder"
            ) from None
        except OSError as error:
            raise AdrwatchError(
                f"the spool {self._folder} cannot be used: {error.strerror}", fix="mend ADRWATCH_DATA_DIR"
            ) from None

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def contents(self) -> Contents:
        """How much waits."""
        return Contents(self._posts, self._bytes, self._waiting[0][1].written if self._waiting else None)

    def parcels(self) -> Iterator[Parcel]:
        """All that waits, oldest first, as it was put there."""
        for _, entry in self._waiting:
            if (parcel := _parcel(entry)) is not None:
                yield parcel

    def append(self, parcels: Sequence[Parcel]) -> bool:
        """Take parcels in, all or none. False where there is no room; the log says why, once."""
        written = time.time()
        records = [segments.record(parcel.packed(), parcel.posts, written) for parcel in parcels]
        size = sum(map(len, records))
        if self._bytes + size > self._most:
            return self._refuse(f"it holds {self._bytes / _MIB:.0f} of {self._most // _MIB} MiB (ADRWATCH_SPOOL_MIB)")
        try:
            if shutil.disk_usage(self._folder).free - size < self._free:
                return self._refuse(f"less than {self._free // _MIB} MiB would be free (ADRWATCH_SPOOL_FREE_MIB)")
            at = self._write(records)
        except OSError as error:
            return self._refuse(error.strerror or type(error).__name__)
        for parcel, record in zip(parcels, records, strict=True):
            entry = Entry(segments.path_of(self._folder, self._segment), at, len(record), parcel.posts, written)
            self._take(entry, parcel)
            at = entry.end
        if self._trouble is not None:
            log.info("the spool has room again", source=self._name)
            self._trouble = None
        return True

    def first(self) -> Parcel | None:
        """The oldest parcel, without posts that a later one takes back; None where nothing waits."""
        while self._waiting:
            number, entry = self._waiting[0]
            parcel = _parcel(entry)
            if parcel is not None:
                kept = [
                    one
                    for one in parcel.outputs
                    if one.topic not in (POSTS, PUBLISHED) or self._gone.get(one.key, -1) <= number
                ]
                return replace(parcel, outputs=kept)
            log.error("a record of the spool is damaged and lost", source=self._name, posts=entry.posts)
            self.advance()
        return None

    def advance(self) -> None:
        """The oldest parcel is with the broker."""
        _, entry = self._waiting.popleft()
        self._bytes -= entry.size
        self._posts -= entry.posts
        if self._waiting and self._waiting[0][1].segment == entry.segment:
            return
        entry.segment.unlink(missing_ok=True)
        if not self._waiting:
            self._gone.clear()
            self._segment += 1
            # One that comes back after a loss of power would be delivered after what took its posts back.
            segments.sync(self._folder)

    def sync(self) -> None:
        """See to it that the disk has what was written, where the setting says that it is time."""
        if self._waiting and self._every is not None and time.monotonic() - self._synced >= self._every:
            segments.sync(self._waiting[-1][1].segment)
            self._synced = time.monotonic()

    def close(self) -> None:
        """Leave it to other processes; what waits stays."""
        self._lock.close()

    def _find(self) -> None:
        """Take up what the process before left, and cut off what is not whole."""
        whole = True
        for path in segments.segments(self._folder):
            end = lost = 0
            for entry in segments.entries(path):
                parcel = _parcel(entry)
                if parcel is None:
                    whole = False
                    continue
                self._take(entry, parcel)
                lost += entry.at - end
                end = entry.end
                if whole:
                    self.resume = parcel.position
            rest = path.stat().st_size - end
            if lost or rest:
                whole = False
                log.warning("the spool was not whole", source=self._name, cut_off_bytes=rest, damaged_bytes=lost)
            if end:
                os.truncate(path, end)
            else:
                path.unlink()
            # What comes now goes into a segment of its own.
            self._segment = segments.number_of(path) + 1
        if self._waiting:
            log.info("what waits in the spool goes first", source=self._name, posts=self._posts)

    def _take(self, entry: Entry, parcel: Parcel) -> None:
        self._waiting.append((self._count, entry))
        self._bytes += entry.size
        self._posts += entry.posts
        self._gone |= dict.fromkeys(parcel.gone_ids, self._count)
        self._count += 1

    def _write(self, records: Sequence[bytes]) -> int:
        path = segments.path_of(self._folder, self._segment)
        if path.exists() and path.stat().st_size >= _SEGMENT_BYTES:
            self._segment += 1
            path = segments.path_of(self._folder, self._segment)
        new = not path.exists()
        try:
            at = segments.add(path, records, sync=self._every == 0)
        except OSError:
            if new:
                path.unlink(missing_ok=True)
            raise
        if new and self._every is not None:
            segments.sync(self._folder)
        return at

    def _refuse(self, reason: str) -> bool:
        if self._trouble is None:
            log.warning("the spool takes no more, so reading pauses", source=self._name, reason=reason)
        self._trouble = reason
        return False


def _parcel(entry: Entry) -> Parcel | None:
    body = segments.read(entry)
    try:
        return None if body is None else Parcel.unpacked(body)
    except (msgspec.MsgspecError, KeyError):
        return None


def _sync_seconds(setting: str) -> float | None:
    """Between two waits for the disk: 0 for every record, None for never."""
    return {"always": 0.0, "never": None}[setting] if setting in ("always", "never") else float(setting)
