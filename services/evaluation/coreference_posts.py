"""Posts with clusters of spans that mean one medicine, as JSON Lines, and what the resolver makes of them.

Our own stand in `data/coreference.jsonl`: each names several medicines, and words such as "it" or "the second one" tell which did
it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from services.evaluation.post_files import Place, check_places, read_posts
from shared.assertion.coreference import Name, clusters, resolve
from shared.assertion.text import Statement
from shared.coreference_scores import disjoint
from shared.corpora.relations import RelatedText
from shared.errors import AdrwatchError
from shared.events import Span

FILE = Path(__file__).with_name("data") / "coreference.jsonl"


class ClusteredPost(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One post: spans [start, end) of medicines' names, and clusters of names and words that mean one medicine.

    `predicted`: clusters to score; without it our resolver gives them from `drugs`. `reactions` and `pairs` (indexes of a drug
    and a reaction) tell what attribution should find. `part`: a part of the file that gets its own report.
    """

    id: str
    text: str
    drugs: list[Place]
    clusters: list[list[Place]]
    predicted: list[list[Place]] | None = None
    reactions: list[Place] = []
    pairs: list[tuple[int, int]] = []
    part: str = "all"

    @property
    def found(self) -> list[list[Place]]:
        """The predicted clusters, or those of the resolver."""
        if self.predicted is not None:
            return self.predicted
        names = [Name(Span(*place), self.text[slice(*place)].lower()) for place in self.drugs]
        resolved = clusters(names, resolve(Statement(self.text), names))
        return [[(span.start, span.end) for span in cluster] for cluster in resolved]

    @property
    def related(self) -> RelatedText:
        """The post as attribution's evaluation takes it."""
        asserted = frozenset((self.drugs[drug], self.reactions[reaction]) for drug, reaction in self.pairs)
        return RelatedText(self.text, tuple(self.drugs), tuple(self.reactions), asserted)


def read_clusters(path: Path) -> list[ClusteredPost]:
    """All posts of a file. Raises AdrwatchError with file and line where one is not of the form."""
    posts = read_posts(path, ClusteredPost, _check, FILE)
    if len({post.predicted is None for post in posts}) > 1:
        raise AdrwatchError(
            f"{path}: some posts have predicted clusters and some have none",
            fix="give `predicted` with every post (an empty list where nothing was found) or with none",
        )
    return posts


def _check(post: ClusteredPost) -> None:
    """Raises ValueError naming what is wrong."""
    for name, told in (("clusters", post.clusters), ("predicted", post.predicted or [])):
        try:
            disjoint(told)
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from None
    places = [*post.drugs, *post.reactions, *_flat(post.clusters), *_flat(post.predicted or [])]
    check_places(post.text, places, post.pairs, len(post.drugs), len(post.reactions))


def _flat(told: Sequence[Sequence[Place]]) -> list[Place]:
    return [place for cluster in told for place in cluster]
