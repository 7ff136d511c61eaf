"""How far annotators agree, as Karimi et al. (2015, J Biomed Inform 55:73) and Sboev et al. (2022, section 3.2.1) define it.

Of a document it is 100 · matches / max(|A|, |B|), the number of mentions of the one who marked more below. Matches are counted in
four ways: with equal borders or where the mentions intersect, and with the same tag or any. No mention matches more than one. What
is shown is the mean over documents, and then over pairs of annotators.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import fmean

import msgspec
import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import maximum_bipartite_matching

from shared.corpora.documents import Document, Span
from shared.errors import AdrwatchError

STRICT, INTERSECTION, IGNORED = "strict", "intersection", "ignored"
# Spans and tags.
WAYS = ((STRICT, STRICT), (STRICT, IGNORED), (INTERSECTION, STRICT), (INTERSECTION, IGNORED))


class Figure(msgspec.Struct, frozen=True):
    """One way of counting: `agreement` in percent, None where nobody has marked anything. `type`: of these mentions alone."""

    spans: str
    tags: str
    agreement: float | None
    type: str = ""


class Agreement(msgspec.Struct, frozen=True):
    """Of all pairs. `documents` that all have, `left_out` those that not all have, `without_mentions`: pairs and documents in
    which neither marked anything, where the share is 0/0: they count for nothing. `mentions` by annotator.
    """

    documents: int
    left_out: int
    without_mentions: int
    mentions: dict[str, int]
    figures: tuple[Figure, ...]
    by_type: tuple[Figure, ...]


@dataclass(frozen=True)
class _Marked:
    """The mentions of both in one document."""

    one: Sequence[Span]
    other: Sequence[Span]

    def of(self, kind: str) -> _Marked:
        return _Marked([s for s in self.one if s.type == kind], [s for s in self.other if s.type == kind])

    @property
    def empty(self) -> bool:
        return not self.one and not self.other


def agreement(annotators: Mapping[str, Sequence[Document]]) -> Agreement:
    """The agreement of two annotators or more, by their names. Raises AdrwatchError where their texts are not the same. Pure."""
    by_id = {name: {document.id: document for document in found} for name, found in annotators.items()}
    common = set.intersection(*(set(found) for found in by_id.values()))
    if not common:
        raise AdrwatchError(
            "no document is in all of them", fix="give exports of the same project: ids are the names of documents"
        )
    for identity in sorted(common):
        if len({found[identity].text for found in by_id.values()}) > 1:
            raise AdrwatchError(
                f"the text of document {identity} is not the same in all", fix="export all from the same texts"
            )
    pairs = [
        [_Marked(by_id[one][each].spans, by_id[other][each].spans) for each in sorted(common)]
        for one, other in combinations(by_id, 2)
    ]
    types = sorted({span.type for found in by_id.values() for each in common for span in found[each].spans})
    return Agreement(
        len(common),
        len(set.union(*(set(found) for found in by_id.values())) - common),
        sum(marked.empty for pair in pairs for marked in pair),
        {name: sum(len(found[each].spans) for each in common) for name, found in by_id.items()},
        tuple(Figure(spans, tags, _mean(pairs, spans, tags)) for spans, tags in WAYS),
        tuple(
            Figure(spans, STRICT, _mean([[marked.of(kind) for marked in pair] for pair in pairs], spans, STRICT), kind)
            for kind in types
            for spans in (STRICT, INTERSECTION)
        ),
    )


def matches(one: Sequence[Span], other: Sequence[Span], spans: str, tags: str) -> int:
    """How many mentions of `one` match one of `other` each, none twice: as many as there can be. Pure."""
    if not one or not other:
        return 0
    match = np.array([[_match(a, b, spans, tags) for b in other] for a in one], dtype=np.int8)
    return int((maximum_bipartite_matching(csr_array(match), perm_type="column") >= 0).sum())


def _mean(pairs: Iterable[Sequence[_Marked]], spans: str, tags: str) -> float | None:
    """The mean over documents, then over pairs."""
    means = []
    for pair in pairs:
        shares = [
            100 * matches(marked.one, marked.other, spans, tags) / max(len(marked.one), len(marked.other))
            for marked in pair
            if not marked.empty
        ]
        if shares:
            means.append(fmean(shares))
    return fmean(means) if means else None


def _match(one: Span, other: Span, spans: str, tags: str) -> bool:
    if tags == STRICT and one.type != other.type:
        return False
    if spans == STRICT:
        return one.places == other.places
    return any(a[0] < b[1] and b[0] < a[1] for a in one.places for b in other.places)
