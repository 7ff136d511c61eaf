"""`adrwatch evaluate coreference`: which medicine a word such as "it" means, and what attribution gains by it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import astuple
from datetime import UTC, datetime
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from services.evaluation.options import AsJson, Save, Seed, show
from services.evaluation.reports import Row, table

if TYPE_CHECKING:
    from services.evaluation.coreference_posts import ClusteredPost
    from shared.coreference_scores import CorefScores

_NAMES = {"muc": "MUC", "b_cubed": "B³", "ceaf_e": "CEAFe"}
# Of attribution, what coreference may change.
_SYSTEMS = ("rules", "rules, by names alone", "nearest medicine")


class CoreferenceReport(msgspec.Struct, frozen=True, kw_only=True):
    """One half of a file. `by`: whose clusters were scored. `pairs`: attribution, where the posts have reactions."""

    data: str
    part: str
    by: str
    data_hash: str
    seed: int
    time: str
    sizes: dict[str, int]
    rows: list[Row]
    pairs: list[Row]

    def json(self) -> str:
        """Indented JSON."""
        return msgspec.json.format(msgspec.json.encode(self), indent=2).decode()

    def markdown(self) -> str:
        """A heading, a line that identifies the run, and tables."""
        sizes = ", ".join(f"{name} {value}" for name, value in self.sizes.items())
        lines = [
            f"## coreference: {self.data}, {self.part}",
            "",
            f"Clusters of {self.by}; data {self.data_hash} ({sizes}); seed {self.seed}; {self.time}.",
            "",
            *table(self.rows),
        ]
        if self.pairs:
            lines += ["", "### Pairs of medicine and reaction", "", *table(self.pairs)]
        return "\n".join(lines) + "\n"


def register(group: typer.Typer) -> None:
    """Add the command to the group `evaluate`."""
    group.command("coreference")(evaluate_coreference)


def evaluate_coreference(
    file: Annotated[
        Path | None,
        typer.Argument(help="JSON Lines of posts with clusters, gold and perhaps predicted [default: our own posts]"),
    ] = None,
    seed: Seed = 13,
    as_json: AsJson = False,
    save: Save = None,
) -> None:
    """Score which medicine a word means: MUC, B³, CEAFe and their mean; and attribution with and without such words followed.

    Clusters of the file's `predicted` are scored where it has them, else our own. Exit code 2: the file is not there or broken.

    Example: adrwatch evaluate coreference clusters.jsonl --json
    """
    from services.evaluation.coreference_posts import FILE, read_clusters

    posts = read_clusters(file or FILE)
    name = file.name if file else "own posts"
    parts = list(dict.fromkeys(post.part for post in posts))
    show([_report(name, part, [post for post in posts if post.part == part], seed) for part in parts], as_json, save)


def _report(name: str, part: str, posts: Sequence[ClusteredPost], seed: int) -> CoreferenceReport:
    from services.evaluation import attribution
    from shared.coreference_scores import scores
    from shared.provenance import content_hash

    texts = [post.related for post in posts if post.reactions]
    return CoreferenceReport(
        data=name,
        part=part,
        by="the resolver" if posts[0].predicted is None else "the file",
        data_hash=content_hash(list(posts)),
        seed=seed,
        time=datetime.now(UTC).isoformat(timespec="seconds"),
        sizes={
            "posts": len(posts),
            "clusters": sum(len(post.clusters) for post in posts),
            "mentions": sum(len(cluster) for post in posts for cluster in post.clusters),
            "pairs": sum(len(text.pairs) for text in texts),
        },
        rows=_rows([scores(post.clusters, post.found) for post in posts], seed),
        pairs=attribution.rows(texts, seed, only=_SYSTEMS) if texts else [],
    )


def _rows(scored: Sequence[CorefScores], seed: int) -> list[Row]:
    """Recall, precision and F1 of each metric and the mean, with 95 % intervals over posts."""
    import numpy as np

    from shared.coreference_scores import CorefScores, Share
    from shared.scores import bootstrap

    sums = np.array([[astuple(getattr(one, name)) for name in _NAMES] for one in scored])

    def row(of: str, metric: str, value: Callable[[CorefScores], float]) -> Row:
        def drawn(index: Any) -> float:
            return value(CorefScores(*(Share(*share) for share in sums[index].sum(axis=0).tolist())))

        return Row(of, metric, round(drawn(np.arange(len(sums))), 4), bootstrap(len(sums), drawn, seed))

    rows = [
        row(title, metric, attrgetter(f"{name}.{metric}"))
        for name, title in _NAMES.items()
        for metric in ("recall", "precision", "f1")
    ]
    return [*rows, row("CoNLL", "mean F1", attrgetter("conll"))]
