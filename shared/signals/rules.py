"""The rules, read and checked: every threshold, list and length of time of alerting as one typed object."""

from __future__ import annotations

import functools
import hashlib
import tomllib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import msgspec

from shared.errors import AdrwatchError
from shared.signals import rule_parts as parts
from shared.signals.rule_overrides import PRESET, Raw, applied, preset_names

HOUR_MS = parts.HOUR_MS
SHIPPED = Path(__file__).with_name("rules.toml")


@dataclass(frozen=True)
class Difference:
    """A value that is not that of the shipped rules."""

    key: str
    shipped: Any
    value: Any


class Rules(parts.Part, frozen=True, kw_only=True):
    """The whole rule file."""

    version: parts.Words
    time: parts.TimeRules
    counting: parts.CountingRules
    near: parts.NearRules
    evans: parts.EvansRules
    ror: parts.RorRules
    ic025: parts.LowerRules
    q: parts.LowerRules
    eb05: parts.LowerRules
    mhra: parts.MhraRules
    chi2: parts.Chi2Rules
    llr: parts.LlrRules
    policy: parts.PolicyRules
    single_report: parts.SingleReportRules
    suppression: parts.Suppression = parts.Suppression()
    preset: parts.Words | None = None

    @property
    def stamp(self) -> str:
        """The version with a hash of all values, for alerts: rules that somebody changed never look like the shipped ones."""
        digest = hashlib.blake2b(msgspec.json.encode(list(self.all_values().items())), digest_size=4).hexdigest()
        return f"{self.version}-{digest}"

    @property
    def overrides(self) -> tuple[str, ...]:
        """What differs from the shipped rules, each as `key=value`, for alerts; the preset first where there is one."""
        named = [f"preset={self.preset}"] if self.preset else []
        return (*named, *(f"{each.key}={shown(each.value, ',')}" for each in self.differences()))

    def differences(self) -> list[Difference]:
        """The values that are not those of the shipped rules, in the order of the file."""
        theirs = shipped().all_values() | {"version": shipped().version}
        ours = self.all_values() | {"version": self.version}
        return [Difference(key, theirs[key], value) for key, value in ours.items() if value != theirs[key]]

    def idle(self) -> list[str]:
        """The keys that differ and decide about no alert, because the policy does not name their rule."""
        unnamed = set(get_args(parts.Criterion)) - set(self.policy.rules.value)
        return [each.key for each in self.differences() if each.key.partition(".")[0] in unnamed]

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

    def values(self) -> Iterator[tuple[str, parts.Rule[Any]]]:
        """Every rule with a value, by its dotted key, in the order of the file."""
        for part in ("time", "counting", "near", "evans", "ror", "ic025", "q", "eb05", "mhra", "chi2", "llr", "policy"):
            group = getattr(self, part)
            for name in group.__struct_fields__:
                yield f"{part}.{name}", getattr(group, name)

    def all_values(self) -> dict[str, Any]:
        """Everything that decides, by its dotted key: the rules and the lists."""
        single = self.single_report
        return {key: rule.value for key, rule in self.values()} | {
            "suppression.pairs": self.suppression.pairs,
            "single_report.serious.lane": single.serious.lane,
            "single_report.serious.criteria": single.serious.criteria,
            "single_report.situations.lane": single.situations.lane,
            "single_report.situations.criteria": single.situations.criteria,
            "single_report.designated_events": single.designated_events,
        }


@functools.cache
def shipped() -> Rules:
    """The rules that adrwatch ships with."""
    return _checked(_read(SHIPPED), str(SHIPPED))


def load_rules(path: Path) -> Rules:
    """The shipped rules with the changes of a file in them; the shipped file itself changes nothing.

    Raises AdrwatchError naming the key that is wrong or unknown.
    """
    return check_rules(_read(path), str(path))


def check_rules(changes: Raw, name: str) -> Rules:
    """The shipped rules with changes in them, given as tables; `name` is for errors."""
    return _checked(applied(_read(SHIPPED), changes, name), name)


def preset_rules(preset: str) -> Rules:
    """The shipped rules with the values of a preset. Raises AdrwatchError where there is none of that name."""
    return check_rules({PRESET: preset}, f"with the preset {preset}")


def presets() -> list[str]:
    """The names of the presets."""
    return preset_names(_read(SHIPPED))


def shown(value: Any, between: str = ", ") -> str:
    """A value in a few words; of a list of tables only how many there are."""
    if not isinstance(value, tuple):
        return str(value)
    if value and isinstance(value[0], msgspec.Struct):
        return f"{len(value)} {'entry' if len(value) == 1 else 'entries'}"
    return between.join(map(str, value)) or "none"


def _read(path: Path) -> Raw:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise AdrwatchError(
            f"the rule file {path} cannot be read: {error}", fix="check the path, or ADRWATCH_RULES_FILE"
        ) from error
    except tomllib.TOMLDecodeError as error:
        raise AdrwatchError(f"the rule file {path} is not TOML: {error}", fix="mend that line") from error


def _checked(raw: Raw, name: str) -> Rules:
    try:
        rules = msgspec.convert(raw, Rules)
    except msgspec.ValidationError as error:
        message, _, place = str(error).partition(" - at ")
        # A user writes a value in the place of the rule's table.
        key = place.strip("`").removeprefix("$.").replace(".value", "")
        raise AdrwatchError(f"rule file {name}: {key + ': ' if key else ''}{message}", fix=_advice(key)) from None
    problem = _inconsistency(rules)
    if problem:
        raise AdrwatchError(f"rule file {name}: {problem}", fix=_advice(problem.partition(":")[0]))
    return rules


def _advice(key: str) -> str:
    """What the rule of a key means and what it is by itself; where it is no rule with a value, the page that says more."""
    rule = dict(shipped().values()).get(key.partition("[")[0])
    return f"the shipped value is {shown(rule.value)}: {rule.meaning}" if rule else "see docs/rules.md"


def _inconsistency(rules: Rules) -> str | None:
    """What no single value shows: values that do not fit one another."""
    time, single = rules.time, rules.single_report
    if 24 % time.bucket_hours.value:
        return f"time.bucket_hours: a day is not a whole number of buckets of {time.bucket_hours.value} hours"
    for key, found in (("windows_hours", time.windows_hours.value), ("recent_hours", (time.recent_hours.value,))):
        for hours in found:
            if hours % time.bucket_hours.value:
                return f"time.{key}: {hours} hours is not a whole number of buckets"
    if rules.mhra.eb05.value > rules.mhra.ebgm.value:
        return "mhra.eb05: above mhra.ebgm, which would never decide, for no EB05 is above its EBGM"
    for key, names in (
        ("time.windows_hours", time.windows_hours.value),
        ("policy.rules", rules.policy.rules.value),
        ("suppression.pairs", [f"{pair.drug}, {pair.reaction}" for pair in rules.suppression.pairs]),
        ("single_report", single.serious.criteria + single.situations.criteria),
        ("single_report.designated_events", [event.id or event.label for event in single.designated_events]),
    ):
        twice = [name for name, times in Counter(names).items() if times > 1]
        if twice:
            return f"{key}: {twice[0]} appears twice"
    return None
