"""Which posts are drawn for review, in which order, and with which probability. Pure.

Posts near the classifier's threshold teach it most, but a sample of them alone says nothing of how good it is. So each post is
drawn with a probability of its own, the uncertain ones with a higher one, and that probability is kept with each label: what is
counted over labels is weighed by its inverse. The order is that of sequential Poisson sampling (Ohlsson, Journal of Official
Statistics 14, 1998): however far people come, what they have labelled is such a sample.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from services.cases.labels import Label

# So far from the threshold a post counts as uncertain.
UNCERTAIN = 0.2
# The probabilities with which posts are drawn.
OF_UNCERTAIN, OF_OTHERS = 1.0, 0.05
# So many of the posts are for two assessors.
_TWICE = 0.2
_RANGE = 2.0**64


@dataclass(frozen=True)
class Drawn:
    """A post for review. `post` is its id, `hash` what it is named by in the database and in addresses."""

    post: str
    hash: str
    probability: float
    sampled: float
    order: float

    @property
    def assessors(self) -> int:
        """How many are to label it."""
        return 2 if _uniform(self.hash, "twice") < _TWICE else 1


def drawn(post: str, post_hash: str, probability: float, threshold: float) -> Drawn | None:
    """A post with the classifier's probability, or None where it is not drawn: always the same for the same post."""
    sampled = OF_UNCERTAIN if abs(probability - threshold) <= UNCERTAIN else OF_OTHERS
    uniform = _uniform(post_hash, "drawn")
    return Drawn(post, post_hash, probability, sampled, uniform / sampled) if uniform < sampled else None


def waiting(
    found: Iterable[Drawn], said: Mapping[str, Collection[Label]], assessor: str, skipped: Collection[str]
) -> list[Drawn]:
    """What is left for an assessor to label, in its order: what fewer have labelled than should, and they themselves have not."""
    left = [
        one
        for one in found
        if one.hash not in skipped
        and len(labels := said.get(one.hash, ())) < one.assessors
        and all(label.assessor != assessor for label in labels)
    ]
    return sorted(left, key=lambda one: (one.order, one.hash))


def _uniform(post_hash: str, purpose: str) -> float:
    digest = hashlib.blake2b(f"{purpose}\x1f{post_hash}".encode(), digest_size=8).digest()
    return int.from_bytes(digest) / _RANGE
