"""A user's rules: a file with only the values that differ, and presets by name, laid over the shipped rule file. Pure.

A value stands where the shipped file has the rule, `[evans] prr = 3.0`. A whole rule file is a file of changes too: of each rule's
table (`[evans.prr]`, `value = 3.0`) the value counts and the words do not.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any

from shared.errors import AdrwatchError

Raw = dict[str, Any]
PRESET = "preset"
# Adds to the list that is shipped; `designated_events` takes its place.
MORE_EVENTS = "more_designated_events"
# What a whole rule file says of a part besides values.
_WORDS = {"source", "code", "test"}


def preset_names(shipped: Raw) -> list[str]:
    """The presets that any rule of the shipped file has a value for."""
    return sorted({name for _, rule in _rules(shipped) for name in rule.get("presets", {})})


def applied(shipped: Raw, changes: Raw, name: str) -> Raw:
    """The tables of the shipped rule file with a user's values in them. `name` is for errors.

    Raises AdrwatchError for a key or a preset that does not exist; types and ranges of values are not looked at.
    """
    result = copy.deepcopy(shipped)
    changes = dict(changes)
    if PRESET in changes:
        _apply_preset(result, changes[PRESET], name)
        result[PRESET] = changes.pop(PRESET)
    for part, values in changes.items():
        if part == "version":
            result[part] = values
            continue
        _check_key(part, [*shipped, PRESET], name)
        if not isinstance(values, dict):
            raise AdrwatchError(f"rule file {name}: {part}: expected a table", fix=f"write [{part}] and its keys below")
        if part == "single_report":
            _apply_singles(result[part], values, name)
            continue
        for key, value in values.items():
            _check_key(f"{part}.{key}", [f"{part}.{known}" for known in result[part]], name)
            _set(result[part], key, value)
    return result


def _apply_preset(result: Raw, preset: Any, name: str) -> None:
    known = preset_names(result)
    if preset not in known:
        raise AdrwatchError(f"rule file {name}: there is no preset {preset!r}", fix=f"choose one of {', '.join(known)}")
    for _, rule in _rules(result):
        rule["value"] = rule.get("presets", {}).get(preset, rule["value"])


def _apply_singles(result: Raw, values: Raw, name: str) -> None:
    """Those rules are lists without a table of their own."""
    for key, value in values.items():
        _check_key(f"single_report.{key}", [f"single_report.{known}" for known in (*result, MORE_EVENTS)], name)
        if key in _WORDS:
            continue
        if isinstance(result.get(key), dict) and isinstance(value, dict):
            place = f"single_report.{key}"
            for inner in value:
                _check_key(f"{place}.{inner}", [f"{place}.{known}" for known in result[key]], name)
            result[key] |= value
        elif key != MORE_EVENTS:
            result[key] = value
    more = values.get(MORE_EVENTS, [])
    if not isinstance(more, list):
        raise AdrwatchError(
            f"rule file {name}: single_report.{MORE_EVENTS}: expected a list",
            fix=f"write [[single_report.{MORE_EVENTS}]] before each event",
        )
    if isinstance(result["designated_events"], list):
        result["designated_events"] = result["designated_events"] + more


def _set(part: Raw, key: str, value: Any) -> None:
    if _is_rule(part[key]):
        part[key]["value"] = value["value"] if _is_rule(value) else value
    else:
        part[key] = value


def _rules(raw: Mapping[str, Any]) -> Iterable[tuple[str, Raw]]:
    for part, values in raw.items():
        if isinstance(values, dict):
            yield from ((f"{part}.{key}", rule) for key, rule in values.items() if _is_rule(rule))


def _is_rule(value: Any) -> bool:
    return isinstance(value, dict) and "value" in value


def _check_key(key: str, known: Iterable[str], name: str) -> None:
    known = list(known)
    if key in known:
        return
    close = get_close_matches(key, known, n=1)
    fix = f"perhaps {close[0]} is meant" if close else f"there are {', '.join(known)}"
    raise AdrwatchError(f"rule file {name}: {key}: there is no such rule", fix=fix)
