"""What became of the last posts, and how long it took: a few records from the end of adr.outcomes. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

# A post that is older than this when its outcome is written was replayed, and its age says nothing of the pipeline.
_LIVE_SECONDS = 86_400.0


class Last(NamedTuple):
    """One outcome: its status up to the colon, and the seconds from when the post was written to its outcome."""

    status: str
    seconds: float


@dataclass(frozen=True)
class Recent:
    """The last posts by what became of them. Seconds are None where no post of them was live."""

    posts: int
    by_status: tuple[tuple[str, int], ...]
    live: int
    p50: float | None
    p95: float | None


def recent(outcomes: Sequence[Last]) -> Recent:
    """Sum them up."""
    live = [max(0.0, one.seconds) for one in outcomes if one.seconds < _LIVE_SECONDS]
    p50, p95 = (float(value) for value in np.percentile(live, [50, 95])) if live else (None, None)
    counted = Counter(one.status for one in outcomes)
    return Recent(len(outcomes), tuple(counted.most_common()), len(live), p50, p95)
