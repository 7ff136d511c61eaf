from __future__ import annotations

import gzip
from datetime import timedelta
from pathlib import Path

import pytest

from services.ingest.columns import Columns
from services.ingest.readers import Reader, open_reader
from services.ingest.replay import Replay, pace
from services.ingest.source import Origin, RawPost, Reject, SourceBroken
from tests.unit.ingest.samples import AT, hashed, ids, jsonl, raw_post


def reader(folder: Path, name: str, hours: dict[str, int], *, cut: int | None = None) -> Reader:
    path = folder / name
    content = jsonl(
        *({"id": key, "text": "a", "time": f"2026-03-01T{hour:02}:00:00Z"} for key, hour in hours.items())
    ).encode()
    path.write_bytes(gzip.compress(content)[:cut] if name.endswith("gz") else content)
    return open_reader(str(path), "jsonl", Columns(), "forum", hashed)


def test_files_are_read_one_after_the_other_in_their_own_order(tmp_path: Path) -> None:
    files = [reader(tmp_path, "a.jsonl", {"1": 5, "2": 3}), reader(tmp_path, "b.jsonl", {"3": 1})]
    source = Replay(files)
    assert ids(list(source)) == ["1", "2", "3"]
    assert (source.posts, source.backwards, source.disordered) == (3, 2, True)


def test_sorting_puts_the_posts_of_all_files_in_the_order_of_time(tmp_path: Path) -> None:
    files = [reader(tmp_path, "a.jsonl", {"1": 5, "2": 3}), reader(tmp_path, "b.jsonl", {"3": 1})]
    source = Replay(files, sort=True)
    assert ids(list(source)) == ["3", "2", "1"]
    assert not source.disordered


def test_one_post_in_a_hundred_that_runs_backwards_is_no_disorder(tmp_path: Path) -> None:
    hours = {str(number): 9 for number in range(99)} | {"late": 8}
    source = Replay([reader(tmp_path, "a.jsonl", hours)])
    assert len(list(source)) == 100
    assert (source.backwards, source.disordered) == (1, False)


def test_the_limit_counts_records_that_are_yielded(tmp_path: Path) -> None:
    source = Replay([reader(tmp_path, "a.jsonl", {"1": 5, "2": 3, "3": 1})], sort=True, limit=2)
    assert ids(list(source)) == ["3", "2"]


@pytest.mark.parametrize("sort", [False, True])
def test_a_truncated_file_keeps_no_other_file_from_being_read(tmp_path: Path, sort: bool) -> None:
    files = [reader(tmp_path, "a.jsonl.gz", {"1": 5, "2": 6}, cut=-9), reader(tmp_path, "b.jsonl", {"3": 7})]
    found: list[RawPost | Reject] = []
    with pytest.raises(SourceBroken, match=r"a\.jsonl\.gz ends in the middle"):
        found.extend(Replay(files, sort=sort))
    assert ids(found)[-1] == "3"


def test_progress_ends_at_the_size_of_the_files(tmp_path: Path) -> None:
    source = Replay([reader(tmp_path, "a.jsonl", {"1": 5})])
    list(source)
    assert source.progress == ((tmp_path / "a.jsonl").stat().st_size,) * 2


def test_pacing_holds_each_post_until_its_time_has_come() -> None:
    now = [100.0]
    waited: list[float] = []

    def wait(seconds: float) -> None:
        waited.append(seconds)
        now[0] += seconds

    posts: list[RawPost | Reject] = [
        raw_post("1", created_at=AT),
        raw_post("2", created_at=AT + timedelta(seconds=120)),
        raw_post("backwards", created_at=AT + timedelta(seconds=60)),
        Reject("no-time", "the time is missing", Origin("a", 1), b""),
        raw_post("3", created_at=AT + timedelta(seconds=180)),
    ]
    assert list(pace(iter(posts), 60, wait=wait, clock=lambda: now[0])) == posts
    assert waited == [2.0, 1.0]


def test_without_a_speed_nothing_waits() -> None:
    posts: list[RawPost | Reject] = [raw_post("1"), raw_post("2", created_at=AT + timedelta(days=999))]

    def wait(seconds: float) -> None:
        raise AssertionError("waited")

    assert list(pace(iter(posts), None, wait=wait)) == posts
