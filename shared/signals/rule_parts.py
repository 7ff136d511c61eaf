"""The parts of the rule file: each rule with its value, and what a value may be."""

from __future__ import annotations

from typing import Annotated, Generic, Literal, TypeVar

import msgspec
from msgspec import Meta

T = TypeVar("T")
MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS

Words = Annotated[str, Meta(min_length=1)]
Hours = Annotated[int, Meta(ge=1)]
Count = Annotated[int, Meta(ge=1)]
Level = Annotated[float, Meta(gt=0, lt=1)]
# NaN and infinity lie in no range.
Threshold = Annotated[float, Meta(ge=-1e6, le=1e6)]
Criterion = Literal["evans", "ror", "ic025", "q", "eb05", "mhra", "chi2", "llr"]
Code = Annotated[str, Meta(pattern=r"^[a-z_.]+:[A-Za-z_0-9.]+$")]
Test = Annotated[str, Meta(pattern=r"^tests/.+\.py::test_.+$")]


class Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A table of the rule file. What it does not know is refused."""


class Rule(Part, Generic[T], frozen=True, kw_only=True):
    """One value with what it means, where it comes from, what others use, the code that reads it, the test that enforces it."""

    value: T
    meaning: Words
    source: Words
    code: Code
    test: Test
    presets: dict[str, T] = {}


class TimeRules(Part, frozen=True, kw_only=True):
    """Buckets, windows and lateness of event time."""

    bucket_hours: Rule[Annotated[int, Meta(ge=1, le=24)]]
    windows_hours: Rule[Annotated[tuple[Hours, ...], Meta(min_length=1)]]
    recent_hours: Rule[Hours]
    allowed_lateness_minutes: Rule[Annotated[int, Meta(ge=0)]]
    kept_lateness_hours: Rule[Annotated[int, Meta(ge=0)]]
    idle_seconds: Rule[Annotated[float, Meta(gt=0)]]

    @property
    def bucket_ms(self) -> int:
        """Length of a bucket."""
        return self.bucket_hours.value * HOUR_MS

    @property
    def lateness_ms(self) -> int:
        """Allowed lateness."""
        return self.allowed_lateness_minutes.value * MINUTE_MS

    @property
    def kept_ms(self) -> int:
        """How long before the last closed bucket's end a bucket is still kept: the longest window and the kept lateness."""
        return (max(self.windows_hours.value) + self.kept_lateness_hours.value) * HOUR_MS

    def closed_until(self, watermark_ms: int) -> int:
        """The end in ms of the last closed bucket: the watermark has passed it by the allowed lateness."""
        return (watermark_ms - self.lateness_ms) // self.bucket_ms * self.bucket_ms

    def kept_from(self, evaluated_until_ms: int) -> int:
        """The start in ms of the first bucket that is kept, when all signals up to a moment are published."""
        return (evaluated_until_ms - self.kept_ms) // self.bucket_ms * self.bucket_ms


class CountingRules(Part, frozen=True, kw_only=True):
    """What counts, and what is shown of it."""

    posts_without_author: Rule[Literal["each", "none"]]
    examples: Rule[Count]


class NearRules(Part, frozen=True, kw_only=True):
    """Which posts are near-duplicates."""

    hours: Rule[Annotated[int, Meta(ge=0)]]
    similarity: Rule[Annotated[float, Meta(ge=0.4, le=1)]]


class EvansRules(Part, frozen=True, kw_only=True):
    """Evans' criteria."""

    prr: Rule[Threshold]
    chi2: Rule[Threshold]
    reports: Rule[Count]


class RorRules(Part, frozen=True, kw_only=True):
    """The criteria on the reporting odds ratio."""

    lower: Rule[Threshold]
    reports: Rule[Count]


class LowerRules(Part, frozen=True, kw_only=True):
    """The criterion on the lower bound of a measure."""

    lower: Rule[Threshold]


class MhraRules(Part, frozen=True, kw_only=True):
    """The criteria on EBGM."""

    ebgm: Rule[Threshold]
    eb05: Rule[Threshold]
    reports: Rule[Count]


class Chi2Rules(Part, frozen=True, kw_only=True):
    """The criterion on chi-squared over many pairs."""

    rate: Rule[Level]
    reports: Rule[Count]


class LlrRules(Part, frozen=True, kw_only=True):
    """The criterion on the likelihood ratio over many pairs."""

    p: Rule[Level]


class PolicyRules(Part, frozen=True, kw_only=True):
    """When a pair raises, and when it is published again."""

    rules: Rule[Annotated[tuple[Criterion, ...], Meta(min_length=1)]]
    raise_when: Rule[Literal["all", "any"]]
    authors: Rule[Count]
    cool_down_hours: Rule[Hours]
    escalation_factor: Rule[Annotated[float, Meta(gt=1)]]


class SuppressedPair(Part, frozen=True, kw_only=True):
    """A pair that never raises a signal."""

    drug: Words
    reaction: Words
    reason: Words


class Suppression(Part, frozen=True, kw_only=True):
    """Pairs that never raise a signal."""

    pairs: tuple[SuppressedPair, ...] = ()


class Criteria(Part, frozen=True, kw_only=True):
    """Names that mentions carry, and the lane of the items they open."""

    lane: Literal["urgent", "special"]
    criteria: tuple[Words, ...]


class DesignatedEvent(Part, frozen=True, kw_only=True):
    """A designated medical event: its id in an open vocabulary where one has it, its label, what people call it."""

    label: Words
    names: Annotated[tuple[Words, ...], Meta(min_length=1)]
    id: Words | None = None


class SingleReportRules(Part, frozen=True, kw_only=True):
    """What makes one mention an item of the single-report queue."""

    source: Words
    code: Code
    test: Test
    serious: Criteria
    situations: Criteria
    designated_events: tuple[DesignatedEvent, ...] = ()
