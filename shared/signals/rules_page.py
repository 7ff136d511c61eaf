"""The page docs/rules.md, made from the rule file so that the two cannot drift apart."""

from __future__ import annotations

from shared.signals.rules import Rules, shown

HEAD = """\
# Rules of alerting

Made from `shared/signals/rules.toml` by `adrwatch rules show --markdown`; do not change this page.

A pair of drug and reaction is looked at whenever a bucket of event time closes that has a report of it. Its 2x2 table is counted in
every window that ends with the bucket; the longest window in which the pair fires is published. A value that the counts cannot
give honestly is absent, and a rule whose value is absent abstains.
"""

OWN_RULES = """\
## Your own rules

Write a file with only the values that differ, and leave the shipped file as it is:

```toml
preset = "mhra"                 # optional: first the values of a preset, then those below

[policy]
authors = 2
cool_down_hours = 72

[mhra]
reports = 5

[suppression]
pairs = [{ drug = "DB00331", reaction = "HP:0002013", reason = "in the label, section 4.8" }]

# Added to the designated medical events; `designated_events` would take the place of all of them.
[[single_report.more_designated_events]]
label = "Lactic acidosis"
names = ["lactic acidosis"]
```
```sh
adrwatch rules check my-rules.toml                      # what differs, or the key that is wrong; --json
adrwatch rules show --preset fda                        # all rules, with a preset
adrwatch backtest posts.csv --rules my-rules.toml       # what it would have alerted
ADRWATCH_RULES_FILE=my-rules.toml adrwatch up           # or a line in adrwatch.toml
```
A whole rule file works as well: its values count, its words do not. A key that does not exist, a value of another type or out of
its range, and values that do not fit one another stop every command with the key's name.

Alerts carry what differs (`overrides`, such as `evans.prr=3.0`) and a stamp, the version with a hash of all values. No preset
changes `policy.authors`: one person, however loud, is not a signal. `fda` and `mhra` raise nothing while a window has too few
pairs for an EBGM (`docs/signals.md`). Ids of drugs and reactions are those that alerts show.
"""


def _cell(words: str) -> str:
    return words.replace("|", "\\|")


def _presets(rules: Rules) -> list[str]:
    """A line for each: the values that it sets, and where they come from."""
    lines = []
    for name in sorted({name for _, rule in rules.values() for name in rule.presets}):
        of_preset = {key: rule for key, rule in rules.values() if name in rule.presets}
        values = ", ".join(f"`{key}` {shown(rule.presets[name])}" for key, rule in of_preset.items())
        sources = {rule.source for key, rule in of_preset.items() if key != "policy.rules"}
        # One source may say more of one of its values.
        longest = sorted(one for one in sources if not any(other != one and other.startswith(one) for other in sources))
        lines.append(f"| {name} | {values} | {_cell('; '.join(longest))} |")
    return lines


def render(rules: Rules) -> str:
    """The rules as Markdown."""
    lines = [HEAD, f"Version {rules.version}, stamp `{rules.stamp}`.", ""]
    if rules.overrides:
        lines += [f"Other than shipped: {', '.join(f'`{each}`' for each in rules.overrides)}.", ""]
    lines += [OWN_RULES, "## Presets", "", "| preset | sets | source |", "|---|---|---|", *_presets(rules)]
    lines += ["", "## Values", ""]
    lines += ["| rule | value | presets | meaning | source |", "|---|---|---|---|---|"]
    for key, rule in rules.values():
        presets = ", ".join(f"{name} {shown(value)}" for name, value in rule.presets.items())
        lines.append(f"| `{key}` | {shown(rule.value)} | {presets} | {_cell(rule.meaning)} | {_cell(rule.source)} |")
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
