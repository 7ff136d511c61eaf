"""Questions which posts still stand: bounded, spaced, repeated after trouble, and never believed at the first word."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from services.ingest.networks import standing
from services.ingest.networks.standing import Standing
from services.ingest.source import SourceBroken


class Host:
    """A host with posts 0 to 9, asked three at a time; `log` is what it was asked."""

    def __init__(self) -> None:
        self.there = {str(number) for number in range(10)}
        self.log: list[list[str]] = []
        self.trouble: SourceBroken | None = None
        self.leave = 0.0
        self.questions = Standing("h", 12.0, 3, self.published, self.many, self.one, lambda: self.leave)

    def published(self) -> list[tuple[str, str]]:
        return [(f"s:{number}", str(number)) for number in range(10)]

    def many(self, ids: list[str]) -> dict[str, str] | None:
        self.log.append(ids)
        if self.trouble is not None:
            raise self.trouble
        return {one: one for one in ids if one in self.there}

    def one(self, post: str) -> str | None:
        self.log.append([post])
        return post if post in self.there else None


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time, in its only entry."""
    now = [1000.0]
    monkeypatch.setattr(standing, "time", SimpleNamespace(monotonic=lambda: now[0]))
    return now


def asked(host: Host, clock: list[float], seconds: float, step: float = 0.5) -> tuple[list[str], list[str]]:
    """What is found in so many seconds: ids here of what is gone, ids there of what stands."""
    gone, here = [], []
    until = clock[0] + seconds
    while clock[0] < until:
        lost, found = host.questions.look()
        gone += [one for one, _ in lost]
        here += found
        clock[0] += step
    return gone, here


def test_a_round_follows_a_connection_newest_first_and_takes_its_time(clock: list[float]) -> None:
    host = Host()
    assert asked(host, clock, 60) == ([], [])
    assert host.log == []
    host.there -= {"8", "2"}
    host.questions.connected()
    gone, here = asked(host, clock, 3.5)
    assert host.log == [["9", "8", "7"], ["8"]], "one question in two seconds"
    more, rest = asked(host, clock, 60)
    assert gone + more == ["s:8", "s:2"]
    assert sorted(here + rest) == sorted(host.there)
    assert [one for one in host.log if len(one) == 1 and one != ["0"]] == [["8"], ["2"]]


def test_rounds_come_no_more_often_than_every_ten_minutes_and_again_after_hours(clock: list[float]) -> None:
    host = Host()
    for _ in range(10):
        host.questions.connected()
        asked(host, clock, 50)
    assert len(host.log) == 4
    asked(host, clock, 200, 1.0)
    assert len(host.log) == 8, "one for all connections since the first"
    asked(host, clock, 12 * 3600 - 300, 60.0)
    assert len(host.log) == 8
    asked(host, clock, 900, 1.0)
    assert len(host.log) == 12


def test_trouble_takes_nothing_back_and_the_question_is_asked_again_when_it_may_be(clock: list[float]) -> None:
    host = Host()
    host.there.clear()
    host.trouble = SourceBroken("limits the rate", wait_seconds=300)
    host.questions.connected()
    assert asked(host, clock, 290) == ([], [])
    assert host.log == [["9", "8", "7"]]
    host.trouble = None
    gone, _ = asked(host, clock, 100)
    assert host.log[1] == ["9", "8", "7"]
    assert gone == [f"s:{number}" for number in range(9, -1, -1)]


def test_a_question_that_always_fails_holds_up_the_others_for_minutes_only(clock: list[float]) -> None:
    host = Host()
    host.there -= {"9", "1"}
    host.trouble = SourceBroken("answers with HTTP 500")
    host.questions.connected()
    asked(host, clock, 290)
    assert host.log == [["9", "8", "7"]] * 5
    host.trouble = None
    gone, _ = asked(host, clock, 100)
    assert gone == ["s:1"], "9 is left to the next round"


def test_a_host_whose_requests_are_half_used_is_left_until_there_are_new_ones(clock: list[float]) -> None:
    host = Host()
    host.leave = 120.0
    host.questions.connected()
    asked(host, clock, 230)
    assert len(host.log) == 2
