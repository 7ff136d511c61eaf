"""Near-duplicates among reports: which pair was told before in nearly the same words. A pure function of the rows.

A report repeats a pair when an earlier one, by less than the hours of the rule, names the same pair in a similar text. Only the
same pair is looked for: a template with another medicine in it tells something else. What is kept is the latest such report, so
that a window knows whether it holds any of them; none is the head of a group, so that a deletion takes nothing from the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile
from typing import TYPE_CHECKING

import numpy as np

from shared.signals.measures import Counts
from shared.signals.rule_parts import HOUR_MS, NearRules
from shared.text.sketch import agreeing

if TYPE_CHECKING:
    from shared.signals.windows import Block

# A report is held against so many reports of its pair before it: the work stays bounded when all the world writes of one pair.
MOST_COMPARED = 1000


class NearLinks:
    """Finds the links of a ledger's blocks, and remembers them: of blocks that have not changed they are not looked for again."""

    def __init__(self, rules: NearRules) -> None:
        self._within_ms = rules.hours.value * HOUR_MS
        self._least = agreeing(rules.similarity.value)
        self._blocks: list[Block] = []
        self._back: list[Counts] = []

    def back(self, blocks: Sequence[Block]) -> Counts:
        """For each pair entry of the blocks, in order, how many entries before it the latest one lies that it repeats; 0 for none.

        A distance may lead to before the first block, when that was let go of.
        """
        first = self._blocks.index(blocks[0]) if blocks and blocks[0] in self._blocks else len(self._blocks)
        known = sum(1 for _ in takewhile(_same, zip(self._blocks[first:], blocks, strict=False)))
        back = self._back[first : first + known]
        if known < len(blocks):
            back += self._found(blocks, known)
        self._blocks, self._back = list(blocks), back
        return np.concatenate(back) if back else np.empty(0, dtype=np.int64)

    def _found(self, blocks: Sequence[Block], start: int) -> list[Counts]:
        """The distances of the blocks from `start` on."""
        begin = start
        earliest = blocks[start].at[0] - self._within_ms
        while begin and blocks[begin - 1].at[-1] > earliest:
            begin -= 1
        context = blocks[begin:]
        sizes = [len(block.pairs) for block in context]
        found = np.split(self._latest(context, sum(sizes[: start - begin])), np.cumsum(sizes)[:-1])
        return found[start - begin :]

    def _latest(self, blocks: Sequence[Block], start: int) -> Counts:
        """The distances of the entries from `start` on; those before are only compared with."""
        sketches = np.concatenate([block.sketches[block.pair_row] for block in blocks])
        at = np.concatenate([block.at[block.pair_row] for block in blocks])
        pairs = np.concatenate([block.pairs for block in blocks])
        result = np.zeros(len(pairs), dtype=np.int64)
        sketched = np.flatnonzero(sketches.any(axis=1))
        # Entries by pair, in the order of time: the one before in this order is the one before of the pair.
        order = sketched[np.argsort(pairs[sketched], kind="stable")]
        place = np.flatnonzero(order >= start)
        for lag in range(1, MOST_COMPARED + 1):
            place = place[place >= lag]
            entry, earlier = order[place], order[place - lag]
            inside = (pairs[entry] == pairs[earlier]) & (at[entry] - at[earlier] < self._within_ms)
            place, entry, earlier = place[inside], entry[inside], earlier[inside]
            if not len(place):
                break
            differ = np.bitwise_count(sketches[entry] ^ sketches[earlier]).sum(axis=1, dtype=np.int64)
            alike = 64 * sketches.shape[1] - differ >= self._least
            result[entry[alike]] = entry[alike] - earlier[alike]
            place = place[~alike]
        return result


def _same(both: tuple[Block, Block]) -> bool:
    return both[0] is both[1]
