"""Scores of coreference: MUC, B³, CEAFe and their mean, as the reference scorer of CoNLL-2012 computes them.

Vilain et al. 1995 (MUC), Bagga and Baldwin 1998 (B³), Luo 2005 (CEAF; with similarity φ4: CEAFe), Pradhan et al. 2014 (what all of
them give where gold and predicted mentions differ). A mention is whatever can be compared, such as a span; clusters are disjoint.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

Cluster = frozenset[Hashable]


@dataclass(frozen=True, slots=True)
class Share:
    """Recall and precision as sums that add up over documents: what was right, and out of how much."""

    recalled: float = 0.0
    gold: float = 0.0
    right: float = 0.0
    predicted: float = 0.0

    def __add__(self, other: Share) -> Share:
        return Share(
            self.recalled + other.recalled,
            self.gold + other.gold,
            self.right + other.right,
            self.predicted + other.predicted,
        )

    @property
    def recall(self) -> float:
        """0 where there is nothing to find, as in the reference scorer."""
        return self.recalled / self.gold if self.gold else 0.0

    @property
    def precision(self) -> float:
        """0 where nothing was predicted, as in the reference scorer."""
        return self.right / self.predicted if self.predicted else 0.0

    @property
    def f1(self) -> float:
        """The harmonic mean; 0 where both are 0."""
        both = self.recall + self.precision
        return 2 * self.recall * self.precision / both if both else 0.0


@dataclass(frozen=True, slots=True)
class CorefScores:
    """The three metrics of one document, or of many: add them up."""

    muc: Share = Share()
    b_cubed: Share = Share()
    ceaf_e: Share = Share()

    def __add__(self, other: CorefScores) -> CorefScores:
        return CorefScores(self.muc + other.muc, self.b_cubed + other.b_cubed, self.ceaf_e + other.ceaf_e)

    @property
    def conll(self) -> float:
        """The mean of the three F1, by which the CoNLL shared tasks rank."""
        return (self.muc.f1 + self.b_cubed.f1 + self.ceaf_e.f1) / 3


def disjoint(clusters: Iterable[Iterable[Hashable]]) -> list[Cluster]:
    """Clusters as sets, a mention that a cluster repeats taken once. Raises ValueError where two clusters share a mention."""
    found = [frozenset(cluster) for cluster in clusters]
    if sum(map(len, found)) != len(frozenset().union(*found)):
        raise ValueError("a mention stands in two clusters")
    return [cluster for cluster in found if cluster]


def scores(gold: Iterable[Iterable[Hashable]], predicted: Iterable[Iterable[Hashable]]) -> CorefScores:
    """One document's scores. Clusters of one mention count in B³ and CEAFe, as given: leave them out of both or of neither."""
    theirs, ours = disjoint(gold), disjoint(predicted)
    recalled, of_gold = _links(theirs, ours)
    right, of_ours = _links(ours, theirs)
    aligned = _aligned(theirs, ours)
    return CorefScores(
        muc=Share(recalled, of_gold, right, of_ours),
        b_cubed=Share(*_mentions(theirs, ours), *_mentions(ours, theirs)),
        ceaf_e=Share(aligned, len(theirs), aligned, len(ours)),
    )


def _links(one: Sequence[Cluster], other: Sequence[Cluster]) -> tuple[int, int]:
    """MUC: the links of the clusters that survive when the other side's clusters part them, and all their links."""
    whose = {mention: number for number, cluster in enumerate(other) for mention in cluster}
    kept = links = 0
    for cluster in one:
        met = {whose[mention] for mention in cluster if mention in whose}
        alone = sum(mention not in whose for mention in cluster)
        kept += len(cluster) - len(met) - alone
        links += len(cluster) - 1
    return kept, links


def _mentions(one: Sequence[Cluster], other: Sequence[Cluster]) -> tuple[float, int]:
    """B³: for each mention the share of its cluster that the other side has together with it, added up, and the mentions."""
    shared = sum(len(a & b) ** 2 / len(a) for a in one for b in other)
    return shared, sum(map(len, one))


def _aligned(gold: Sequence[Cluster], predicted: Sequence[Cluster]) -> float:
    """CEAFe: the similarity φ4 = 2|K ∩ R| / (|K| + |R|) of the best one-to-one alignment of clusters."""
    if not gold or not predicted:
        return 0.0
    similar = np.array([[2 * len(a & b) / (len(a) + len(b)) for b in predicted] for a in gold])
    rows, columns = linear_sum_assignment(similar, maximize=True)
    return float(similar[rows, columns].sum())
