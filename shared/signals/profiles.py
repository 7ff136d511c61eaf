"""Drugs grouped by the reactions that are reported with them. Pure.

A drug's profile is its IC with each reaction, as far as it is above 0: shrunk, so that few reports make no profile. Profiles are
compared by the cosine of their angle and joined by average linkage.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import pdist, squareform

from shared.signals.counts import Pairs
from shared.signals.measures import shrunk


@dataclass(frozen=True)
class Group:
    """Drugs whose profiles are alike. `shared`: the reactions that stand out most in all of them. `likeness`: their mean cosine."""

    drugs: tuple[str, ...]
    shared: tuple[str, ...]
    likeness: float


def groups(pairs: Pairs, least_reports: int, likeness: float, most_shared: int = 5) -> Sequence[Group]:
    """Groups of at least two drugs, the most alike first. Drugs with fewer than `least_reports` reports are left out.

    `likeness`: the mean cosine from which two groups are joined, from 0 (nothing in common) to 1.
    """
    reports = np.zeros(len(pairs.drugs), dtype=np.int64)
    reports[pairs.drug] = pairs.a + pairs.b
    ic = np.zeros((len(pairs.drugs), len(pairs.reactions)))
    ic[pairs.drug, pairs.reaction] = np.maximum(np.nan_to_num(shrunk(pairs.a, pairs.expected).value), 0.0)
    kept = np.flatnonzero((reports >= least_reports) & ic.any(axis=1))
    if len(kept) < 2:
        return []
    distances = pdist(ic[kept], "cosine")
    labels = fcluster(linkage(distances, "average"), 1 - likeness, "distance")
    cosines = 1 - squareform(distances)
    found = []
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        if len(members) < 2:
            continue
        least = ic[kept[members]].min(axis=0)
        standing_out = [i for i in np.argsort(-least, kind="stable")[:most_shared].tolist() if least[i] > 0]
        mean = float(cosines[np.ix_(members, members)][~np.eye(len(members), dtype=bool)].mean())
        names = tuple(sorted(pairs.drugs[kept[member]] for member in members.tolist()))
        found.append(Group(names, tuple(pairs.reactions[i] for i in standing_out), round(mean, 4)))
    return sorted(found, key=lambda group: (-group.likeness, group.drugs))
