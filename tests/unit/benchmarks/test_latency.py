"""Latency from moments of sending and arrival."""

from __future__ import annotations

from tests.benchmarks.latency import summary
from tests.benchmarks.results import Quantiles


def test_only_posts_that_were_sent_here_count_and_only_from_their_own_sending() -> None:
    sent = {"latency:0": 10.0, "latency:1": 11.0, "latency:2": 12.5}
    mentions = {"latency:1": 11.5, "earlier:7": 10.1}
    outcomes = {"latency:0": 10.25, "latency:1": 11.5, "latency:2": 13.5}
    found = summary(sent, mentions, outcomes)
    assert (found.sent, found.seconds) == (3, 2.5)
    assert found.mention == Quantiles(1, 0.5, 0.5)
    assert found.outcome == Quantiles(3, 0.5, 1.0)
