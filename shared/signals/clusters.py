"""Reports of one pair that tell the same in the same or nearly the same words, put together. Pure.

What a window counts is `shared.signals.windows`' business; here is shown what it took for one report, so that a person can judge.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import msgspec

from shared.signals.windows import Told, Why


class Cluster(msgspec.Struct, frozen=True):
    """Reports that repeat one another, in the order of time: the first counts, and every later one says which it repeats."""

    reports: tuple[Told, ...]

    @property
    def taken_out(self) -> Counter[Why]:
        """How many do not count, by why."""
        return Counter(one.why for one in self.reports if one.why != "counted")

    @property
    def counted(self) -> int:
        """How many count: more than one where copies go on for longer than a window."""
        return sum(one.why == "counted" for one in self.reports)


def clusters(told: Sequence[Told]) -> list[Cluster]:
    """The clusters of two reports and more, the largest first. `told`: the reports of one pair in a window, in their order.

    A second report of an author in other words repeats nobody's, and makes no cluster.
    """
    heads: dict[int, int] = {}
    found: dict[int, list[Told]] = {}
    for one in told:
        repeats = one.like_row if one.why in ("repost", "near_duplicate") else None
        # A repost may be of a post that names another pair: then it stands by itself.
        head = heads[one.row] = heads.get(repeats, repeats) if repeats is not None else one.row
        found.setdefault(head, []).append(one)
    groups = [Cluster(tuple(reports)) for reports in found.values() if len(reports) > 1]
    return sorted(groups, key=lambda group: (-len(group.reports), group.reports[0].at_ms))
