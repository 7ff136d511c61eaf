"""The page docs/rules.md, made from the rule file so that the two cannot drift apart."""

from __future__ import annotations

from typing import Any

from shared.signals.rules import Rules

HEAD = """\
# Rules of alerting

Made from `shared/signals/rules.toml` by `adrwatch rules show --markdown`; change that file, not this page. A copy of it can be
used instead: set `ADRWATCH_RULES_FILE` and test it with `adrwatch rules check`. Alerts carry the version of the rules with
a hash of all values.

A pair of drug and reaction is looked at whenever a bucket of event time closes that has a report of it. Its 2x2 table is counted in
every window that ends with the bucket; the longest window in which the pair fires is published. A value that the table cannot
give honestly is absent, and a rule whose value is absent abstains.
"""


def _shown(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _cell(words: str) -> str:
    return words.replace("|", "\\|")


def render(rules: Rules) -> str:
    """The rules as Markdown."""
    lines = [HEAD, f"Version {rules.version}, stamp `{rules.stamp}`.", "", "## Values", ""]
    lines += ["| rule | value | presets | meaning | source |", "|---|---|---|---|---|"]
    for key, rule in rules.values():
        presets = ", ".join(f"{name} {_shown(value)}" for name, value in rule.presets.items())
        lines.append(f"| `{key}` | {_shown(rule.value)} | {presets} | {_cell(rule.meaning)} | {_cell(rule.source)} |")
    lines += ["", "## Enforced by", "", "| rule | code | test |", "|---|---|---|"]
    lines += [f"| `{key}` | `{rule.code}` | `{rule.test}` |" for key, rule in rules.values()]
    single = rules.single_report
    lines.append(f"| `single_report` | `{single.code}` | `{single.test}` |")
    lines += ["", "## Single reports", "", f"One asserted mention opens an item. Source: {single.source}.", ""]
    lines += ["| lane | criteria |", "|---|---|"]
    lines += [f"| {part.lane} | {', '.join(part.criteria)} |" for part in (single.serious, single.situations)]
    lines += ["", "### Designated medical events", "", "| id | term | names |", "|---|---|---|"]
    lines += [f"| {event.id or ''} | {event.label} | {', '.join(event.names)} |" for event in single.designated_events]
    lines += ["", "## Suppressed pairs", ""]
    lines += [f"- {pair.drug}, {pair.reaction}: {pair.reason}" for pair in rules.suppression.pairs] or ["None."]
    return "\n".join(lines) + "\n"
