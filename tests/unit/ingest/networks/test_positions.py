"""What the list of sources says of one that waits."""

from __future__ import annotations

from datetime import UTC, datetime

from services.ingest.networks import positions


def test_a_long_wait_is_said_with_its_end() -> None:
    at = datetime(2026, 12, 31, 23, 30, tzinfo=UTC)
    assert positions.next_try(86_400.0, at) == "; next try 2027-01-01 23:30 (UTC)"
    assert positions.next_try(7.0, at) == "", "it is over before anybody has read it"
