"""The rule file, read and checked: every threshold, list and length of time of alerting as one typed object."""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Generic, Literal, TypeVar

import msgspec
from msgspec import Meta

from shared.errors import AdrwatchError

T = TypeVar("T")
MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS

Words = Annotated[str, Meta(min_length=1)]
Hours = Annotated[int, Meta(ge=1)]
Count = Annotated[int, Meta(ge=1)]
Level = Annotated[float, Meta(gt=0, lt=1)]
Code = Annotated[str, Meta(pattern=r"^[a-z_.]+:[A-Za-z_0-9.]+$")]
Test = Annotated[str, Meta(pattern=r"^tests/.+\.py::test_.+$")]


class _Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    pass


class Rule(_Part, Generic[T], frozen=True, kw_only=True):
    """One value with what it means, where it comes from, what others use, the code that reads it, the test that enforces it."""

    value: T
    meaning: Words
    source: Words
    code: Code
    test: Test
    presets: dict[str, T] = {}


class TimeRules(_Part, frozen=True, kw_only=True):
    """Buckets, windows and lateness of event time."""

    bucket_hours: Rule[Annotated[int, Meta(ge=1, le=24)]]
    windows_hours: Rule[Annotated[tuple[Hours, ...], Meta(min_length=1)]]
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


class CountingRules(_Part, frozen=True, kw_only=True):
    """What counts, and what is shown of it."""

    posts_without_author: Rule[Literal["each", "none"]]
    examples: Rule[Count]


class EvansRules(_Part, frozen=True, kw_only=True):
    """Evans' criteria."""

    prr: Rule[float]
    chi2: Rule[float]
    reports: Rule[Count]


class RorRules(_Part, frozen=True, kw_only=True):
    """The criteria on the reporting odds ratio."""

    lower: Rule[float]
    reports: Rule[Count]


class LowerRules(_Part, frozen=True, kw_only=True):
    """The criterion on the lower bound of a measure."""

    lower: Rule[float]


class MhraRules(_Part, frozen=True, kw_only=True):
    """The criteria on EBGM."""

    ebgm: Rule[float]
    eb05: Rule[float]
    reports: Rule[Count]


class Chi2Rules(_Part, frozen=True, kw_only=True):
    """The criterion on chi-squared over many pairs."""

    rate: Rule[Level]


class LlrRules(_Part, frozen=True, kw_only=True):
    """The criterion on the likelihood ratio over many pairs."""

    p: Rule[Level]


class PolicyRules(_Part, frozen=True, kw_only=True):
    """When a pair raises, and when it is published again."""

    rules: Rule[Annotated[tuple[Literal["evans", "ror", "ic025", "q"], ...], Meta(min_length=1)]]
    raise_when: Rule[Literal["all", "any"]]
    authors: Rule[Count]
    cool_down_hours: Rule[Hours]
    escalation_factor: Rule[Annotated[float, Meta(gt=1)]]


class SuppressedPair(_Part, frozen=True, kw_only=True):
    """A pair that never raises a signal."""

    drug: Words
    reaction: Words
    reason: Words


class Suppression(_Part, frozen=True, kw_only=True):
    """Pairs that never raise a signal."""

    pairs: tuple[SuppressedPair, ...] = ()


class Criteria(_Part, frozen=True, kw_only=True):
    """Names that mentions carry, and the lane of the items they open."""

    lane: Literal["urgent", "special"]
    criteria: tuple[Words, ...]


class DesignatedEvent(_Part, frozen=True, kw_only=True):
    """A designated medical event: its id in an open vocabulary where one has it, its label, what people call it."""

    label: Words
    names: Annotated[tuple[Words, ...], Meta(min_length=1)]
    id: Words | None = None


class SingleReportRules(_Part, frozen=True, kw_only=True):
    """What makes one mention an item of the single-report queue."""

    source: Words
    code: Code
    test: Test
    serious: Criteria
    situations: Criteria
    designated_events: tuple[DesignatedEvent, ...] = ()


class Rules(_Part, frozen=True, kw_only=True):
    """The whole rule file."""

    version: Words
    time: TimeRules
    counting: CountingRules
    evans: EvansRules
    ror: RorRules
    ic025: LowerRules
    q: LowerRules
    eb05: LowerRules
    mhra: MhraRules
    chi2: Chi2Rules
    llr: LlrRules
    policy: PolicyRules
    single_report: SingleReportRules
    suppression: Suppression = Suppression()

    @property
    def stamp(self) -> str:
        """The version with a hash of all values, for alerts: rules that somebody changed never look like the shipped ones."""
        values = [[key, rule.value] for key, rule in self.values()]
        single = self.single_report
        singles = [single.serious, single.situations, single.designated_events]
        digest = hashlib.blake2b(msgspec.json.encode([values, singles, self.suppression]), digest_size=4).hexdigest()
        return f"{self.version}-{digest}"

    @property
    def designated_ids(self) -> frozenset[str]:
        """Concept ids of the designated medical events."""
        return frozenset(event.id for event in self.single_report.designated_events if event.id)

    @property
    def designated_names(self) -> frozenset[str]:
        """What people call the designated medical events, lower case."""
        return frozenset(
            name.lower() for event in self.single_report.designated_events for name in (event.label, *event.names)
        )

    @property
    def suppressed(self) -> frozenset[tuple[str, str]]:
        """(drug id, reaction id) of the suppressed pairs."""
        return frozenset((pair.drug, pair.reaction) for pair in self.suppression.pairs)

    def values(self) -> Iterator[tuple[str, Rule[Any]]]:
        """Every rule with a value, by its dotted key, in the order of the file."""
        for part in ("time", "counting", "evans", "ror", "ic025", "q", "eb05", "mhra", "chi2", "llr", "policy"):
            group = getattr(self, part)
            for name in group.__struct_fields__:
                yield f"{part}.{name}", getattr(group, name)


def load_rules(path: Path) -> Rules:
    """Read and check a rule file. Raises AdrwatchError naming the key that is wrong, missing or unknown."""
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise AdrwatchError(
            f"the rule file {path} cannot be read: {error}", fix="check the path, or ADRWATCH_RULES_FILE"
        ) from error
    except tomllib.TOMLDecodeError as error:
        raise AdrwatchError(f"the rule file {path} is not TOML: {error}", fix="mend that line") from error
    return check_rules(raw, str(path))


def check_rules(raw: dict[str, Any], name: str) -> Rules:
    """Rules from the tables of a rule file; `name` is for errors."""
    try:
        rules = msgspec.convert(raw, Rules)
    except msgspec.ValidationError as error:
        message, _, place = str(error).partition(" - at ")
        key = place.strip("`").removeprefix("$.")
        raise AdrwatchError(
            f"rule file {name}: {key + ': ' if key else ''}{message}", fix="compare with the rule file that is shipped"
        ) from None
    problem = _inconsistency(rules)
    if problem:
        raise AdrwatchError(f"rule file {name}: {problem}", fix="see the rule's meaning in docs/rules.md")
    return rules


def _inconsistency(rules: Rules) -> str | None:
    """What no single value shows: values that do not fit one another."""
    time = rules.time
    if 24 % time.bucket_hours.value:
        return f"time.bucket_hours: a day is not a whole number of buckets of {time.bucket_hours.value} hours"
    for hours in time.windows_hours.value:
        if hours % time.bucket_hours.value:
            return f"time.windows_hours: {hours} hours is not a whole number of buckets"
    if len(set(time.windows_hours.value)) < len(time.windows_hours.value):
        return "time.windows_hours: a window appears twice"
    single = rules.single_report
    names = single.serious.criteria + single.situations.criteria
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        return f"single_report: {twice[0]} appears twice"
    return None
