"""The report of `adrwatch evaluate signals`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from services.evaluation.controls import (
    Control,
    Judged,
    by_outcome,
    judge,
    read_controls,
    read_terms,
    without_terms,
)
from services.evaluation.reports import Row, table
from shared.errors import AdrwatchError
from shared.provenance import content_hash, file_hash, git_revision
from shared.scores import auroc, bootstrap
from shared.signals.counts import Reports, count
from shared.signals.rules import Rules
from shared.signals.table import measure
from shared.vocabulary.drugs import default_lexicon

TERMS = Path(__file__).parent / "data" / "outcomes.csv"
_EPOCH = date(1970, 1, 1)


class SignalsReport(msgspec.Struct, frozen=True, kw_only=True):
    """Measures and rules against one reference set on one set of reports.

    `left_out`: outcomes that no reaction counts as, and how many controls each has.
    """

    data: str
    reference: str
    data_hash: str
    rule_version: str
    seed: int
    git_revision: str
    time: str
    sizes: dict[str, int]
    left_out: dict[str, int]
    rows: list[Row]

    def json(self) -> str:
        """Indented JSON."""
        return msgspec.json.format(msgspec.json.encode(self), indent=2).decode()

    def markdown(self) -> str:
        """A heading, a line that identifies the run, and the table of scores."""
        sizes = ", ".join(f"{name} {value:,}" for name, value in self.sizes.items())
        lines = [
            f"## signals: {self.reference} on {self.data}",
            "",
            f"Data {self.data_hash} ({sizes}); rules {self.rule_version}; seed {self.seed}; revision {self.git_revision}; "
            f"{self.time}.",
            "",
            *([self._left_out(), ""] if self.left_out else []),
            *table(self.rows),
        ]
        return "\n".join(lines) + "\n"

    def _left_out(self) -> str:
        names = ", ".join(f"{name} {number}" for name, number in self.left_out.items())
        return f"Left out, for no reaction counts as their outcome: {sum(self.left_out.values())} controls ({names})."


def report(
    files: Sequence[Path],
    reports: Reports,
    day: NDArray[np.int64] | None,
    reference: Path,
    terms: Path | None,
    rules: Rules,
    seed: int,
) -> SignalsReport:
    """Score all measures and rules. `files`: where the reports are from, of which each is a stratum if there are several.

    `day`: the day of each row, since 1970-01-01, where reports have one.

    Controls whose outcome no reaction counts as cannot be judged and are left out. Raises AdrwatchError where that leaves no
    positive or no negative ones.
    """
    lexicon, mapped = default_lexicon(), read_terms(terms or TERMS)
    given = read_controls(reference, lexicon)
    unknown = without_terms(reports, given, mapped)
    controls = [control for control in given if control.outcome not in unknown]
    if len({control.positive for control in controls}) < 2:
        raise AdrwatchError(
            f"no positive or no negative control has an outcome that a reaction counts as: {', '.join(sorted(unknown))}",
            fix="give --terms a CSV file with outcome, reaction",
        )
    matched = by_outcome(reports, controls, mapped, lexicon)
    judged = judge(measure(count(matched)), controls, rules, strata=matched.stratum is not None)
    rows = [*_of_measures(judged, seed), *_of_rules(judged, seed)]
    if day is not None:
        rows += _of_time(matched, day, controls, rules)
    positive = judged.labels == 1
    return SignalsReport(
        data=" and ".join(file.name for file in files),
        reference=reference.name,
        data_hash=content_hash([file_hash(file) for file in (*files, reference)]),
        rule_version=rules.stamp,
        seed=seed,
        git_revision=git_revision(),
        time=datetime.now(UTC).isoformat(timespec="seconds"),
        sizes={
            "reports": len(np.unique(reports.report)),
            "positive controls": int(positive.sum()),
            "of these reported": int((positive & judged.reported).sum()),
            "negative controls": int((~positive).sum()),
            "of those reported": int((~positive & judged.reported).sum()),
        },
        left_out=dict(sorted(Counter(control.outcome for control in given if control.outcome in unknown).items())),
        rows=rows,
    )


def _of_measures(judged: Judged, seed: int) -> list[Row]:
    """AUROC over all controls, and over those alone that somebody reported."""
    rows = []
    for kept, among in ((np.ones_like(judged.reported), ""), (judged.reported, ", reported controls")):
        labels = judged.labels[kept]
        for name, scores in judged.scores.items():
            mine = scores[kept]

            def drawn(index: Any, labels: NDArray[np.int64] = labels, mine: NDArray[np.float64] = mine) -> float:
                return auroc(labels[index], mine[index])

            value = auroc(labels, mine)
            interval = bootstrap(len(labels), drawn, seed) if value == value else None
            rows.append(Row(name, f"AUROC{among}", None if value != value else round(value, 4), interval))
    return rows


def _of_rules(judged: Judged, seed: int) -> list[Row]:
    rows = []
    positive = judged.labels == 1
    for name, flags in judged.flags.items():
        for metric, right, among in (
            ("sensitivity", flags, positive),
            ("specificity", ~flags, ~positive),
            ("PPV", positive, flags),
        ):
            cases = right[among].astype(np.float64)
            if not len(cases):
                rows.append(Row(name, metric, None, None))
                continue

            def drawn(index: Any, cases: NDArray[np.float64] = cases) -> float:
                return float(cases[index].mean())

            rows.append(Row(name, metric, round(float(cases.mean()), 4), bootstrap(len(cases), drawn, seed)))
    return rows


def _of_time(reports: Reports, day: NDArray[np.int64], controls: Sequence[Control], rules: Rules) -> list[Row]:
    """By month: how many positive controls each rule ever found, and the median days from a pair's first report until then."""
    positive = [control for control in controls if control.positive]
    found: dict[str, dict[int, int]] = {}
    for end in _month_ends(int(day.min()), int(day.max())):
        until = reports.where(day < end)
        for name, flags in judge(
            measure(count(until)), positive, rules, strata=until.stratum is not None
        ).flags.items():
            for at in np.flatnonzero(flags).tolist():
                found.setdefault(name, {}).setdefault(at, end)
    first = {}
    drugs, reactions = ({name: i for i, name in enumerate(names)} for names in (reports.drugs, reports.reactions))
    for at, control in enumerate(positive):
        mine = day[
            (reports.drug == drugs.get(control.drug, -1)) & (reports.reaction == reactions.get(control.outcome, -1))
        ]
        if len(mine):
            first[at] = int(mine.min())
    rows = []
    for name, detected in found.items():
        waited = [end - first[at] for at, end in detected.items()]
        rows.append(Row(name, "positive controls found by some month", float(len(waited)), None))
        rows.append(Row(name, "median days from first report to detection", float(np.median(waited)), None))
    return rows


def _month_ends(first: int, last: int) -> list[int]:
    """The first days of the months after each month that the days cover."""
    moment, ends = (_EPOCH + timedelta(days=first)).replace(day=1), []
    while (moment - _EPOCH).days <= last:
        moment = (moment + timedelta(days=32)).replace(day=1)
        ends.append((moment - _EPOCH).days)
    return ends
