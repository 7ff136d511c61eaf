"""The report of one evaluation: what was measured on what, by which model and program, as JSON and Markdown.

A report holds numbers and ids of posts, never their text.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Protocol

import msgspec

from shared.provenance import content_hash, git_revision, versions

# Ids of posts kept of each kind of error, and shown of it in Markdown.
SAMPLE, SHOWN = 50, 5
_PACKAGES = ("adrwatch", "numpy", "onnxruntime", "spacy", "tokenizers")


class Versioned(Protocol):
    """What is scored: a served model's metadata, or whatever else tells its name, version and the digest of what it reads."""

    @property
    def name(self) -> str:
        """What it is called."""

    @property
    def version(self) -> str:
        """Which one it is."""

    @property
    def digest(self) -> str:
        """Of its features, or of what it learned from."""


class Row(msgspec.Struct, frozen=True):
    """One number: of what (posts, or a type of span), which metric, its value (None: undefined), its 95 % interval."""

    of: str
    metric: str
    value: float | None
    interval: list[float] | None


class Confusion(msgspec.Struct, frozen=True):
    """Counts [gold, predicted] of types, in the order of `types`; the last is `none`."""

    types: list[str]
    counts: list[list[int]]


class Errors(msgspec.Struct, frozen=True):
    """One kind of error: how often, and ids of some posts with it (`#7`: the seventh of the data, which gives no ids)."""

    kind: str
    count: int
    posts: list[str]


def table(rows: Iterable[Row]) -> list[str]:
    """The lines of a Markdown table of scores."""
    lines = ["| of | metric | value | 95 % interval |", "|---|---|---|---|"]
    for row in rows:
        value = "undefined" if row.value is None else f"{row.value:.3f}"
        interval = "" if row.interval is None else f"{row.interval[0]:.3f} to {row.interval[1]:.3f}"
        lines.append(f"| {row.of} | {row.metric} | {value} | {interval} |")
    return lines


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """One evaluation, enough to repeat it. `data_hash` is over texts and labels, so it knows a changed corpus.

    `precision_recall` holds (threshold, precision, recall), `calibration` (mean probability, share of positives, posts) of bins.
    """

    task: str
    data: str
    data_hash: str
    model: str
    model_version: str
    feature_digest: str
    seed: int
    git_revision: str
    time: str
    posts_per_second: float
    sizes: dict[str, float]
    rows: list[Row]
    versions: dict[str, str] = {}
    notes: list[str] = []
    errors: list[Errors] = []
    precision_recall: list[tuple[float, float, float]] = []
    calibration: list[tuple[float, float, int]] = []
    confusion: Confusion | None = None

    @classmethod
    def of(
        cls,
        task: str,
        data: str,
        content: list[Any],
        scored: Versioned | Sequence[Versioned],
        seed: int,
        seconds: float,
        sizes: Mapping[str, float],
        rows: list[Row],
        **further: Any,
    ) -> Report:
        """Stamp the rows with all that identifies this run. `seconds` covers parsing, inference and decoding.

        `scored` is the metadata of the model, or of each model. `further` are the report's optional parts.
        """
        models = list(scored) if isinstance(scored, Sequence) else [scored]
        return cls(
            task=task,
            data=data,
            data_hash=content_hash(content),
            model="+".join(model.name for model in models),
            model_version="+".join(model.version for model in models),
            feature_digest="+".join(model.digest for model in models),
            seed=seed,
            git_revision=git_revision(),
            time=datetime.now(UTC).isoformat(timespec="seconds"),
            posts_per_second=round(len(content) / seconds, 1) if seconds else 0.0,
            sizes=dict(sizes),
            rows=[Row(row.of, row.metric, None if row.value != row.value else row.value, row.interval) for row in rows],
            versions=versions(_PACKAGES),
            **further,
        )

    def anonymous(self) -> Report:
        """The same without the ids of posts."""
        return msgspec.structs.replace(self, errors=[Errors(each.kind, each.count, []) for each in self.errors])

    def json(self) -> str:
        """Indented JSON."""
        return msgspec.json.format(msgspec.json.encode(self), indent=2).decode()

    def markdown(self) -> str:
        """A heading, a line that identifies the run, and tables."""
        sizes = ", ".join(f"{name} {value:g}" for name, value in self.sizes.items())
        versions = ", ".join(f"{name} {number}" for name, number in self.versions.items())
        lines = [
            f"## {self.task}: {self.data}",
            "",
            f"Model {self.model} {self.model_version} (features {self.feature_digest}); data {self.data_hash} ({sizes}); "
            f"seed {self.seed}; revision {self.git_revision}; {versions}; {self.time}; {self.posts_per_second} posts/s.",
            *(line for note in self.notes for line in ("", note)),
            "",
            *table(self.rows),
        ]
        if self.confusion is not None:
            types = self.confusion.types
            lines += ["", f"| gold \\ predicted | {' | '.join(types)} |", f"|---|{'---|' * len(types)}"]
            for name, counts in zip(types, self.confusion.counts, strict=True):
                lines.append(f"| {name} | {' | '.join(map(str, counts))} |")
        if self.errors:
            lines += ["", "| error | count | some of the posts |", "|---|---|---|"]
            lines += [f"| {each.kind} | {each.count} | {', '.join(each.posts[:SHOWN])} |" for each in self.errors]
        return "\n".join(lines) + "\n"


def sampled(errors: Iterable[tuple[str, int]], ids: Sequence[str], seed: int) -> list[Errors]:
    """Errors given as (kind, position of the post), by kind; of each at most `SAMPLE` posts, drawn by `seed`."""
    kinds: dict[str, list[int]] = {}
    for kind, position in errors:
        kinds.setdefault(kind, []).append(position)
    found = []
    for kind, positions in sorted(kinds.items()):
        posts = sorted(set(positions))
        if len(posts) > SAMPLE:
            posts = sorted(random.Random(seed).sample(posts, SAMPLE))
        found.append(Errors(kind, len(positions), [ids[position] or f"#{position + 1}" for position in posts]))
    return found
