"""The ground truth of the sample stream, and the comparison of alerts with it. Pure but for `load`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import msgspec

from shared.errors import AdrwatchError
from shared.events import Alert, Concept

FOLDER = Path(__file__).parent
POSTS = FOLDER / "posts.jsonl"
BROKEN = FOLDER / "broken.jsonl"
EXPECTED = FOLDER / "expected.json"
# Posts in other languages, which are replayed where models read these, and what is planted in them.
SPOKEN_POSTS = FOLDER / "posts_languages.jsonl"
SPOKEN_EXPECTED = FOLDER / "expected_languages.json"
SPOKEN = ("ru", "zh", "de", "fr")
SOURCE = "sample"

PairId = tuple[str, str]


class Planted(msgspec.Struct, frozen=True):
    """A drug and a reaction that several posts of the sample name. `posts` are native ids."""

    drug: Concept
    reaction: Concept
    posts: tuple[str, ...]

    @property
    def pair(self) -> PairId:
        """Ids of drug and reaction."""
        return self.drug.id, self.reaction.id


class Decoy(Planted, frozen=True, kw_only=True):
    """A pair that must not alert, and why not."""

    why: str


class PlantedReport(msgspec.Struct, frozen=True):
    """The one post that belongs in the single-report queue."""

    drug: Concept
    reaction: Concept
    post: str


class Label(msgspec.Struct, frozen=True):
    """What a post was written as. `pairs` are drug and reaction in plain words, also where they are no report."""

    kind: str
    pairs: tuple[tuple[str, str], ...]


class Truth(msgspec.Struct, frozen=True, kw_only=True):
    """All that is known of the sample: `rows` are lines of posts.jsonl, `posts` distinct ids, `labels` go by native id.

    `broken` counts the lines of broken.jsonl by the reason for which ingest refuses them.
    """

    rows: int
    posts: int
    redelivered: tuple[str, ...]
    first: str
    last: str
    kinds: dict[str, int]
    signals: tuple[Planted, ...]
    single_report: PlantedReport
    decoys: tuple[Decoy, ...]
    broken: dict[str, int]
    labels: dict[str, Label]


class Spoken(msgspec.Struct, frozen=True):
    """What is known of the posts in other languages: one signal, of which each language holds a part."""

    signal: Planted


@dataclass(frozen=True)
class Verdict:
    """Alerts against the truth: pairs by id; `single_reports` holds (drug, reaction, post) of the urgent lane."""

    found: frozenset[PairId]
    missing: frozenset[PairId]
    unexpected: frozenset[PairId]
    decoys_alerted: frozenset[PairId]
    single_reports: frozenset[tuple[str, str, str]]
    single_report_found: bool

    @property
    def as_expected(self) -> bool:
        """The planted signals and the planted single report, and nothing else."""
        return not self.missing and not self.unexpected and self.single_report_found and len(self.single_reports) == 1


def load(path: Path = EXPECTED, *, spoken: bool = False) -> Truth:
    """Read the ground truth; with `spoken` that of the posts in other languages as well.

    Raises AdrwatchError if a file is missing or not of this form.
    """
    try:
        truth = msgspec.json.decode(path.read_bytes(), type=Truth)
        if not spoken:
            return truth
        signal = msgspec.json.decode(SPOKEN_EXPECTED.read_bytes(), type=Spoken).signal
        more = len(SPOKEN_POSTS.read_bytes().splitlines())
        return msgspec.structs.replace(
            truth, rows=truth.rows + more, posts=truth.posts + more, signals=(*truth.signals, signal)
        )
    except (OSError, msgspec.DecodeError) as error:
        raise AdrwatchError(
            f"the ground truth of the sample cannot be read: {error}", fix="reinstall adrwatch"
        ) from error


def compare(truth: Truth, alerts: Iterable[Alert]) -> Verdict:
    """Hold what was alerted against what was planted. An alert that is repeated counts once."""
    alerts = tuple(alerts)
    signals = frozenset((alert.drug.id, alert.reaction.id) for alert in alerts if alert.kind == "disproportionality")
    planted = frozenset(signal.pair for signal in truth.signals)
    reports = frozenset(
        (alert.drug.id, alert.reaction.id, post)
        for alert in alerts
        if alert.kind == "single_report"
        for post in alert.examples
    )
    wanted = truth.single_report
    return Verdict(
        found=signals & planted,
        missing=planted - signals,
        unexpected=signals - planted,
        decoys_alerted=signals & frozenset(decoy.pair for decoy in truth.decoys),
        single_reports=reports,
        single_report_found=(wanted.drug.id, wanted.reaction.id, f"{SOURCE}:{wanted.post}") in reports,
    )
