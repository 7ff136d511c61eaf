"""What a version of the classifier saw when it was released, in counts, and how far posts of today are from that.

The distance is the population stability index, the symmetrised Kullback–Leibler divergence of binned shares (N. Siddiqi, Credit
Risk Scorecards, Wiley 2006, which also has the usual reading: below .1 little, from .25 on a shift). Bins are tenths of the
reference, so that each says as much as the others. Without any drift the index is about
(bins - 1) * (1 / posts now + 1 / posts then) (B. Yurdakul and J. Naranjo, J. Risk Model Validation 14(4), 2020): with 500 posts
or more it stays far below .25.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import msgspec
import numpy as np

from shared.errors import AdrwatchError
from shared.models.repository import replace_file

REFERENCE = "reference.json"
BINS = 10
# With fewer posts a reference says little.
FEWEST = 500
# Added to each count: a bin that is empty on one side only would make the index infinite.
_HALF = 0.5


class Binned(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Counts of values: `counts[i]` of those from `edges[i - 1]` on and below `edges[i]`; one more count than edges."""

    edges: tuple[float, ...]
    counts: tuple[int, ...]

    @classmethod
    def of(cls, values: Sequence[float], bins: int = BINS) -> Binned:
        """Tenths of the values, as far as equal values let them be told apart."""
        inner = np.quantile(np.asarray(values), np.arange(1, bins) / bins, method="higher")
        edges = tuple(sorted({round(float(edge), 6) for edge in inner} - {min(values)}))
        counts = [0] * (len(edges) + 1)
        for value in values:
            counts[bisect_right(edges, value)] += 1
        return cls(edges, tuple(counts))

    def bin(self, value: float) -> int:
        """The bin of a value."""
        return bisect_right(self.edges, value)

    def drift(self, counts: Sequence[int]) -> float:
        """Population stability index of counts in these bins against these."""
        then, now = np.asarray(self.counts, dtype=float) + _HALF, np.asarray(counts, dtype=float) + _HALF
        then, now = then / then.sum(), now / now.sum()
        return float(((now - then) * np.log(now / then)).sum())


class Positives(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How many posts of a source the classifier took for reports."""

    posts: int
    positive: int

    @property
    def share(self) -> float:
        """NaN where there was no post."""
        return self.positive / self.posts if self.posts else math.nan


class Reference(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Counts over the posts that the screen let through, and nothing of any post. `pieces`: word pieces per word, by post.

    `version` and `policy` are the classifier's; `pieces_per_word` is that of all words together.
    """

    version: str
    policy: str
    made_at: datetime
    posts: int
    scores: Binned
    pieces: Binned
    pieces_per_word: float
    positives: Positives
    sources: dict[str, Positives]

    def of_source(self, source: str) -> Positives:
        """Of a source, or of all where it is not known here."""
        return self.sources.get(source, self.positives)


def read_reference(folder: Path, version: str) -> Reference | None:
    """That of a version's folder; None where there is none. Raises AdrwatchError where it is broken or of another version."""
    file = folder / REFERENCE
    fix = "make it again: `adrwatch models reference`"
    try:
        reference = msgspec.json.decode(file.read_bytes(), type=Reference)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.DecodeError) as error:
        raise AdrwatchError(f"{file} is no reference: {error}", fix=fix) from error
    if reference.version != version:
        raise AdrwatchError(f"{file} is of version {reference.version}, the model is {version}", fix=fix)
    for binned in (reference.scores, reference.pieces):
        if len(binned.counts) != len(binned.edges) + 1:
            raise AdrwatchError(f"{file} has {len(binned.counts)} counts for {len(binned.edges)} edges", fix=fix)
    return reference


def write_reference(folder: Path, reference: Reference) -> None:
    """Beside the model. Raises AdrwatchError where it cannot be written."""
    replace_file(folder / REFERENCE, msgspec.json.format(msgspec.json.encode(reference), indent=1) + b"\n")
