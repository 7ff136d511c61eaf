"""The spool: parcels come out in their order, whatever a crash or a disk does; what was taken back meanwhile never comes out."""

from __future__ import annotations

import resource
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

from services.ingest.networks.parcel import Parcel
from services.ingest.networks.segments import contents, segments
from services.ingest.networks.spool import Spool, folder_of
from shared.errors import AdrwatchError
from shared.events import Deletion, Position, now
from shared.settings import Settings, load
from shared.stream import Output
from shared.topics import DEAD_LETTERS, POSTS, PUBLISHED, partition_of


def parcel(number: int, *, gone: tuple[str, ...] = (), size: int = 20) -> Parcel:
    """A post of this number; the position after it is the number."""
    key = f"s:{number}"
    outputs = [Output(PUBLISHED, key, b"{}"), Output(POSTS, key, b"x" * size, partition_of(key, POSTS.partitions))]
    position = Position(source="s", cursor=str(number), reached=now(), written_at=now(), state="running")
    return Parcel(
        outputs, [Deletion(id=one, deleted_at=now(), requested_at=now(), asked_by="network") for one in gone], position
    )


def settings(folder: Path, **more: object) -> Settings:
    return load(data_dir=folder, spool_free_mib=0, **more)


@contextmanager
def spool(folder: Path, **more: object) -> Iterator[Spool]:
    made = Spool("s", settings(folder, **more))
    try:
        yield made
    finally:
        made.close()


def drained(one: Spool) -> list[str]:
    """The keys of the posts that come out."""
    keys: list[str] = []
    while (first := one.first()) is not None:
        keys += [output.key for output in first.outputs if output.topic is POSTS]
        one.advance()
    return keys


def numbers(*found: int) -> list[str]:
    return [f"s:{number}" for number in found]


@pytest.mark.parametrize("fsync", ["always", "0.01", "never"])
def test_parcels_come_out_whole_and_in_their_order_by_this_process_or_the_next(tmp_path: Path, fsync: str) -> None:
    letter = Parcel(
        [
            Output(DEAD_LETTERS, "l", b"{}", 0, (("recipe", b"r"),)),
            Output(POSTS, "s:9", None, partition_of("s:9", POSTS.partitions)),
        ],
        [],
        parcel(9).position,
        ["s:nine"],
    )
    with spool(tmp_path, spool_fsync=fsync) as one:
        assert one.append([parcel(1), parcel(2)])
        assert one.append([letter])
        first = one.first()
        assert first is not None
        assert (first.outputs, first.position.cursor) == (parcel(1).outputs, "1")
        one.advance()
        assert contents(folder_of(settings(tmp_path), "s")).posts == 3
    with spool(tmp_path) as one:
        assert one.resume == letter.position
        # The segment is not drained, so its first parcel comes again.
        assert [found.position.cursor for found in one.parcels()] == ["1", "2", "9"]
        for _ in range(2):
            assert one.first() is not None
            one.advance()
        assert one.first() == letter
        one.advance()
        assert len(one) == 0
    with spool(tmp_path) as one:
        assert (one.resume, one.first(), one.contents.since) == (None, None, None)
    assert segments(folder_of(settings(tmp_path), "s")) == []


def test_only_the_owner_may_read_it_and_one_process_has_it(tmp_path: Path) -> None:
    with spool(tmp_path) as one:
        one.append([parcel(1)])
        folder = folder_of(settings(tmp_path), "s")
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert [stat.S_IMODE(path.stat().st_mode) for path in segments(folder)] == [0o600]
        with pytest.raises(AdrwatchError, match="another process follows the source s"):
            Spool("s", settings(tmp_path))
    with spool(tmp_path) as one:
        assert drained(one) == numbers(1)


def test_a_post_that_is_taken_back_later_never_comes_out_and_its_deletion_does(tmp_path: Path) -> None:
    with spool(tmp_path) as one:
        one.append([parcel(1), parcel(2)])
        one.append([parcel(3, gone=("s:1", "s:elsewhere"))])
    with spool(tmp_path) as one:
        first = one.first()
        assert first is not None
        assert (list(first.outputs), first.position.cursor) == ([], "1")
        one.advance()
        second = one.first()
        assert second is not None
        assert {output.key for output in second.outputs} == {"s:2"}
        one.advance()
        third = one.first()
        assert third is not None
        assert third.gone_ids == ["s:1", "s:elsewhere"]


def test_posts_to_take_back_keep_when_and_how_that_was_asked_and_those_of_an_earlier_adrwatch_are_known() -> None:
    there = parcel(3, gone=("s:1", "s:2"))
    assert Parcel.unpacked(there.packed()).gone == there.gone
    fields = msgspec.msgpack.decode(there.packed())
    fields[1] = ["s:1", "s:2"]
    before = Parcel.unpacked(msgspec.msgpack.encode(fields))
    assert [(one.id, one.deleted_at) for one in before.gone] == [
        ("s:1", there.position.written_at),
        ("s:2", there.position.written_at),
    ]


def test_a_record_that_a_crash_cut_off_anywhere_is_cut_away_and_all_before_it_stays(tmp_path: Path) -> None:
    with spool(tmp_path) as one:
        one.append([parcel(1)])
        whole = segments(folder_of(settings(tmp_path), "s"))[0].stat().st_size
        one.append([parcel(2)])
    path = segments(folder_of(settings(tmp_path), "s"))[0]
    data = path.read_bytes()
    for end in range(whole, len(data)):
        path.write_bytes(data[:end])
        with spool(tmp_path) as one:
            assert one.resume is not None
            assert one.resume.cursor == "1", end
            assert [found.position.cursor for found in one.parcels()] == ["1"], end
        assert path.stat().st_size == whole


def test_what_a_disk_has_damaged_is_left_out_and_the_network_is_asked_for_it_again(tmp_path: Path) -> None:
    with spool(tmp_path) as one:
        one.append([parcel(number, size=200) for number in (1, 2, 3)])
    path = segments(folder_of(settings(tmp_path), "s"))[0]
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with spool(tmp_path) as one:
        assert one.resume is not None
        assert one.resume.cursor == "1"
        assert drained(one) == numbers(1, 3)


def test_segments_are_removed_as_they_are_drained(tmp_path: Path) -> None:
    with spool(tmp_path) as one:
        for number in range(12):
            one.append([parcel(number, size=2 << 20)])
        folder = folder_of(settings(tmp_path), "s")
        before = len(segments(folder))
        assert before > 2
        for _ in range(6):
            assert one.first() is not None
            one.advance()
        assert 0 < len(segments(folder)) < before
        one.append([parcel(12)])
        assert drained(one) == numbers(*range(6, 13))
        assert segments(folder) == []


def test_at_its_limit_it_takes_no_more_until_something_is_drained(tmp_path: Path) -> None:
    with spool(tmp_path, spool_mib=1) as one:
        assert one.append([parcel(1, size=600_000)])
        assert not one.append([parcel(2, size=600_000)])
        assert drained(one) == numbers(1)
        assert one.append([parcel(2, size=600_000)])
    with spool(tmp_path / "none", spool_mib=0) as one:
        assert not one.append([parcel(1)])


def test_it_leaves_some_of_the_disk_free(tmp_path: Path) -> None:
    made = Spool("s", load(data_dir=tmp_path, spool_free_mib=1_000_000))
    assert not made.append([parcel(1)])
    made.close()


def test_a_disk_that_is_full_in_the_middle_of_a_record_leaves_it_as_it_was(tmp_path: Path) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    with spool(tmp_path) as one:
        assert one.append([parcel(1)])
        # The kernel writes what fits, and then refuses, as a full disk does.
        resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, before[1]))
        try:
            assert not one.append([parcel(2, size=100_000)])
            assert one.append([parcel(3)])
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
        assert one.append([parcel(4, size=100_000)])
    with spool(tmp_path) as one:
        assert drained(one) == numbers(1, 3, 4)


def test_a_folder_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    (tmp_path / "spool").write_text("a file")
    with pytest.raises(AdrwatchError, match="cannot be used"):
        Spool("s", settings(tmp_path))
