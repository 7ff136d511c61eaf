"""Drugs grouped by the reactions that are reported with them. Pure.

A drug's profile is its IC with each reaction, as far as it is above 0: shrunk, so that few reports make no profile. Profiles are
compared by the cosine of their angle and joined by average linkage.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.sparse import csr_array
from scipy.spatial.distance import squareform

from shared.errors import AdrwatchError
from shared.signals.counts import Pairs
from shared.signals.measures import shrunk

# Each is compared with each other: so many take about half a gigabyte.
MOST_DRUGS = 5_000


@dataclass(frozen=True)
class Group:
    """Drugs whose profiles are alike. `shared`: the reactions that stand out most in all of them. `likeness`: their mean cosine."""

    drugs: tuple[str, ...]
    shared: tuple[str, ...]
    likeness: float


def groups(pairs: Pairs, least_reports: int, likeness: float, most_shared: int = 5) -> Sequence[Group]:
    """Groups of at least two drugs, the most alike first. Drugs with fewer than `least_reports` reports are left out.

    `likeness`: the mean cosine from which two groups are joined, from 0 (nothing in common) to 1. Raises AdrwatchError for more
    than `MOST_DRUGS` drugs.
    """
    reports = np.zeros(len(pairs.drugs), dtype=np.int64)
    reports[pairs.drug] = pairs.a + pairs.b
    ic = np.nan_to_num(shrunk(pairs.a, pairs.expected).value)
    cells = np.flatnonzero((ic > 0) & (reports[pairs.drug] >= least_reports))
    kept, row = np.unique(pairs.drug[cells], return_inverse=True)
    if len(kept) < 2:
        return []
    if len(kept) > MOST_DRUGS:
        raise AdrwatchError(
            f"{len(kept):,} drugs have {least_reports} reports, and {MOST_DRUGS:,} can be compared", fix="raise --least"
        )
    profiles = csr_array((ic[cells], (row, pairs.reaction[cells])), shape=(len(kept), len(pairs.reactions)))
    directions = profiles / np.sqrt(profiles.multiply(profiles).sum(axis=1))[:, None]
    cosines = (directions @ directions.T).toarray()
    # Rounding may take the cosine of equal profiles above 1.
    distances = np.maximum(1 - squareform(cosines, checks=False), 0.0)
    labels = fcluster(linkage(distances, "average"), 1 - likeness, "distance")
    found = []
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        if len(members) < 2:
            continue
        least = profiles[members].min(axis=0).toarray().ravel()
        standing_out = [i for i in np.argsort(-least, kind="stable")[:most_shared].tolist() if least[i] > 0]
        mean = float(cosines[np.ix_(members, members)][~np.eye(len(members), dtype=bool)].mean())
        names = tuple(sorted(pairs.drugs[kept[member]] for member in members.tolist()))
        found.append(Group(names, tuple(pairs.reactions[i] for i in standing_out), round(mean, 4)))
    return sorted(found, key=lambda group: (-group.likeness, group.drugs))
