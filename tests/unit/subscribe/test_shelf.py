"""Which events stand: compared with a model that keeps everything in dictionaries, whatever comes in which order."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.subscribe.kinds import MENTION, TakenBack
from services.subscribe.shelf import Row, Shelf
from shared.errors import AdrwatchError

posts = st.sampled_from(["p1", "p2", "p3"])
times = st.integers(0, 6)
events = st.builds(
    lambda number, post, written, value: Row(f"{post}-{number}", post, 0, written, value),
    st.integers(0, 2), posts, times, st.sampled_from(['"first"', '"second"', None]),
)  # fmt: skip
deletions = st.builds(TakenBack, posts, times, st.booleans())


@settings(max_examples=60)
@given(st.lists(st.one_of(events, deletions), max_size=25))
def test_what_stands_is_the_latest_of_each_id_unless_it_was_taken_back(found: list[Row | TakenBack]) -> None:
    latest: dict[str, Row] = {}
    gone: list[TakenBack] = []
    with Shelf() as shelf:
        for one in found:
            if isinstance(one, TakenBack):
                shelf.take_back([one], told=False)
                gone.append(one)
            else:
                shelf.add([one])
                if one.id not in latest or one.at >= latest[one.id].at:
                    latest[one.id] = one
        wanted = {row.id: row for row in latest.values() if row.value is not None}
        standing = {
            row.id: row.value
            for row in wanted.values()
            if not any(one.source == row.source and (one.for_good or one.at >= row.at) for one in gone)
        }
        counts = shelf.counts()
        assert shelf.holds(list(latest)) == standing
        assert sorted(shelf.values()) == sorted(value for value in standing.values() if value)
    rows = sum(isinstance(one, Row) for one in found)
    assert (counts.kept, counts.taken_back) == (len(standing), len(wanted) - len(standing))
    assert counts.repeated == rows - len(latest)
    assert counts.kept + counts.repeated + counts.taken_back + counts.not_wanted == rows


def test_a_file_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    with Shelf() as shelf, pytest.raises(AdrwatchError, match="cannot write"):
        shelf.write(tmp_path / "nowhere" / "a.csv", "csv", MENTION, None, telling=False)
