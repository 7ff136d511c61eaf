"""The identity of signals: firings of a pair that follow one another within the cool-down are one episode, under one id.

An id that was published stays: a report that comes late can lengthen an episode backwards but never renames it. Where no
report comes later than the allowed lateness, episodes depend on nothing but the rows.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from shared.events import Alert, Concept, derived_id
from shared.signals.findings import Finding
from shared.signals.rules import HOUR_MS, Rules
from shared.signals.windows import from_ms, to_ms
from shared.topics import ALERTS


class Episode(msgspec.Struct, frozen=True):
    """One episode of a pair: starts of its first and last bucket that fired, and the alert as it was last published."""

    first_ms: int
    last_ms: int
    alert: Alert


Episodes = tuple[Episode, ...]


def record(
    episodes: Episodes, finding: Finding, labels: Mapping[str, str], rules: Rules, settled_ms: int | None = None
) -> tuple[Episodes, Alert | None]:
    """Add a firing to the episodes of its pair. Gives the episodes and the alert to publish, if any.

    A new episode is published, and one whose count has grown by the escalation factor since its last publication. The
    same firing recorded twice changes nothing. Episodes that the alerts' topic no longer holds are let go.

    `settled_ms` is the end of the last bucket that a person saw who closed the pair's signal. Firings up to there change
    nothing; a later one, which has a report in its bucket, is new evidence: it never joins an episode from before.
    A new episode names the one before it.
    """
    bucket_ms = finding.end_ms - rules.time.bucket_ms
    cool_down = rules.policy.cool_down_hours.value * HOUR_MS
    kept = [episode for episode in episodes if episode.last_ms >= bucket_ms - ALERTS.retention_ms]
    if settled_ms is not None and finding.end_ms <= settled_ms:
        return tuple(kept), None
    for i, episode in enumerate(kept):
        if settled_ms is not None and episode.first_ms < settled_ms:
            continue
        if episode.first_ms - cool_down <= bucket_ms <= episode.last_ms + cool_down:
            first, last = min(episode.first_ms, bucket_ms), max(episode.last_ms, bucket_ms)
            alert = _escalated(episode.alert, finding, labels, rules)
            kept[i] = Episode(first, last, alert or episode.alert)
            return tuple(kept), alert
    start = from_ms(bucket_ms)
    signal_id = derived_id(finding.drug, finding.reaction, start.isoformat())
    earlier = [episode.alert.id for episode in kept if episode.first_ms < bucket_ms]
    alert = _alert(signal_id, bucket_ms, finding, labels, rules, earlier[-1] if earlier else None)
    kept.append(Episode(bucket_ms, bucket_ms, alert))
    return tuple(sorted(kept, key=lambda episode: episode.first_ms)), alert


def amend(episode: Episode, finding: Finding | None, rules: Rules) -> Episode | None:
    """The episode after posts were taken back: `finding` is its published window counted anew.

    None when no report is left, and the signal is to be taken back. Counts that no longer raise stand there with no rules.
    """
    if finding is None:
        return None
    old = episode.alert
    labels = {old.drug.id: old.drug.label, old.reaction.id: old.reaction.label}
    return msgspec.structs.replace(episode, alert=_again(old, finding, labels, rules))


def without_example(episode: Episode, post_id: str) -> Episode:
    """The episode without a post among its examples, for windows whose rows are gone and cannot be counted anew."""
    examples = tuple(post for post in episode.alert.examples if post != post_id)
    return msgspec.structs.replace(episode, alert=msgspec.structs.replace(episode.alert, examples=examples))


def _escalated(published: Alert, finding: Finding, labels: Mapping[str, str], rules: Rules) -> Alert | None:
    before = published.table.a if published.table else 0
    later = finding.end_ms > to_ms(published.evaluated_at)
    if not later or finding.table.a < before * rules.policy.escalation_factor.value:
        return None
    return _again(published, finding, labels, rules)


def _again(published: Alert, finding: Finding, labels: Mapping[str, str], rules: Rules) -> Alert:
    return _alert(published.id, to_ms(published.episode), finding, labels, rules, published.previous)


def _alert(
    signal_id: str, start_ms: int, finding: Finding, labels: Mapping[str, str], rules: Rules, previous: str | None
) -> Alert:
    return Alert(
        id=signal_id,
        kind="disproportionality",
        drug=Concept(finding.drug, labels.get(finding.drug, finding.drug)),
        reaction=Concept(finding.reaction, labels.get(finding.reaction, finding.reaction)),
        episode=from_ms(start_ms),
        evaluated_at=from_ms(finding.end_ms),
        rules=finding.rules,
        rule_version=rules.stamp,
        examples=finding.examples,
        window_hours=finding.window_hours,
        table=finding.table,
        authors=finding.authors,
        measures=finding.measures(),
        overrides=rules.overrides,
        previous=previous,
    )
