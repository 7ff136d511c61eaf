"""A user's rules: a small file of changes, presets by name, and what both do to alerts."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from shared.errors import AdrwatchError
from shared.events import Alert, Concept, Mention, Span, decode, encode
from shared.settings import PACKAGE_ROOT
from shared.signals.findings import evaluate
from shared.signals.rule_parts import DesignatedEvent
from shared.signals.rules import Rules, load_rules, preset_rules, presets, shipped
from shared.signals.singles import queue
from shared.signals.timeline import Timeline
from shared.signals.windows import from_ms
from tests.unit.signals.signal_rows import HOUR, RULES_FILE, background, busy_rows, ledger_of, row

PAIR = ("d1", "r1")
END = 100 * 24 * HOUR


def rules_of(folder: Path, text: str) -> Rules:
    path = folder / "mine.toml"
    path.write_text(text, encoding="utf-8")
    return load_rules(path)


def test_only_what_the_file_names_differs_from_the_shipped_rules(tmp_path):
    rules = rules_of(tmp_path, "[evans]\nprr = 3\n[policy]\nauthors = 2\nrules = ['evans', 'llr']\n")
    assert rules.overrides == ("evans.prr=3.0", "policy.rules=evans,llr", "policy.authors=2")
    assert rules.evans.prr.source == shipped().evans.prr.source
    assert rules.stamp != shipped().stamp
    assert rules.idle() == []


def test_the_example_of_the_page_is_a_rule_file(tmp_path):
    page = (PACKAGE_ROOT / "docs" / "rules.md").read_text(encoding="utf-8")
    rules = rules_of(tmp_path, page.partition("```toml\n")[2].partition("```")[0])
    assert rules.overrides == (
        "preset=mhra", "mhra.reports=5", "policy.rules=mhra", "policy.authors=2", "policy.cool_down_hours=72",
        "suppression.pairs=1 entry", "single_report.designated_events=39 entries",
    )  # fmt: skip
    assert rules.idle() == []


def test_an_empty_file_and_the_shipped_file_change_nothing(tmp_path):
    assert rules_of(tmp_path, "") == load_rules(RULES_FILE) == shipped()
    assert shipped().overrides == ()


def test_of_a_whole_rule_file_the_values_count(tmp_path):
    text = RULES_FILE.read_text(encoding="utf-8").replace('meaning = "PRR at least"', 'meaning = "my own words"')
    assert "my own words" in text
    assert rules_of(tmp_path, text) == shipped()
    # A file of an earlier version lacks the rules that came later.
    start, end = text.index("[time.recent_hours]"), text.index("[time.allowed_lateness_minutes]")
    old = text[:start] + text[end:].replace('value = 2.0\nmeaning = "my own', 'value = 2.5\nmeaning = "my own')
    assert rules_of(tmp_path, old).overrides == ("evans.prr=2.5",)


def test_lists_of_tables_are_told_by_their_length(tmp_path):
    pair = '{ drug = "d", reaction = "r", reason = "label" }'
    assert rules_of(tmp_path, f"[suppression]\npairs = [{pair}]").overrides == ("suppression.pairs=1 entry",)


def test_designated_events_are_added_or_take_the_place_of_those_shipped(tmp_path):
    event = 'label = "Lactic acidosis"\nnames = ["lactic acidosis"]\n'
    own = DesignatedEvent(label="Lactic acidosis", names=("lactic acidosis",))
    more = rules_of(tmp_path, f"[[single_report.more_designated_events]]\n{event}")
    assert more.single_report.designated_events == (*shipped().single_report.designated_events, own)
    assert "lactic acidosis" in more.designated_names
    instead = rules_of(tmp_path, f"[[single_report.designated_events]]\n{event}")
    assert instead.single_report.designated_events == (own,)
    assert instead.overrides == ("single_report.designated_events=1 entry",)


WRONG = {
    "[evans]\npr = 3": ("evans.pr: there is no such rule", "perhaps evans.prr is meant"),
    "[polcy]\nauthors = 3": ("polcy: there is no such rule", "perhaps policy is meant"),
    "[time]\nzzz = 3": ("time.zzz: there is no such rule", "there are time.bucket_hours, time.windows_hours"),
    "policy = 3": ("policy: expected a table", "write [policy]"),
    '[evans]\nprr = "three"': ("evans.prr: Expected `float`, got `str`", "the shipped value is 2.0: PRR at least"),
    "[evans]\nprr = nan": ("evans.prr: Expected `float`", "2.0"),
    "[policy]\nauthors = 0": ("policy.authors: Expected `int` >= 1", "distinct authors"),
    "[policy]\nauthors = true": ("policy.authors: Expected `int`, got `bool`", "distinct authors"),
    "[chi2]\nrate = 1.5": ("chi2.rate: Expected `float` < 1.0", "false discovery rate"),
    '[policy]\nrules = ["evnas"]': ("policy.rules[0]: Invalid enum value 'evnas'", "evans, ror, ic025"),
    '[policy]\nrules = ["q", "q"]': ("policy.rules: q appears twice", "the rules that decide"),
    '[policy]\nraise_when = "most"': ("policy.raise_when: Invalid enum value 'most'", "all"),
    "[mhra]\neb05 = 3.0": ("mhra.eb05: above mhra.ebgm", "EB05 at least"),
    "[evans.prr]\nvalu = 3": ("evans.prr: Expected `float`, got `object`", "PRR"),
    'preset = "fad"': ("there is no preset 'fad'", "ema, ema-strict, evans, fda, mhra, umc"),
    "version = 3": ("version: Expected `str`", "docs/rules.md"),
    "[suppression]\npars = []": ("suppression.pars: there is no such rule", "perhaps suppression.pairs"),
    '[suppression]\npairs = [{ drug = "d" }]': ("suppression.pairs[0]: Object missing required field `reaction`", "rules.md"),
    "[single_report.serious]\ncriterai = []": ("single_report.serious.criterai", "single_report.serious.criteria"),
    "[single_report]\nmore_designated_events = 3": ("more_designated_events: expected a list", "[[single_report"),
    '[[single_report.more_designated_events]]\nlabel = "x"': ("Object missing required field `names`", "rules.md"),
    '[[single_report.more_designated_events]]\nid = "HP:0100665"\nlabel = "x"\nnames = ["x"]': ("HP:0100665 appears twice", ""),
}  # fmt: skip


@pytest.mark.parametrize("text", WRONG)
def test_what_is_wrong_is_named_with_what_to_do(tmp_path, text):
    with pytest.raises(AdrwatchError) as caught:
        rules_of(tmp_path, text)
    message, fix = WRONG[text]
    assert message in caught.value.message
    assert "mine.toml" in caught.value.message
    assert fix in caught.value.fix


# What each agency does, by the sources that docs/rules.md names.
PRESETS = {
    "fda": ("eb05", {"eb05.lower": 2.0}),
    "umc": ("ic025", {"ic025.lower": 0.0}),
    "evans": ("evans", {"evans.prr": 2.0, "evans.chi2": 4.0, "evans.reports": 3}),
    "mhra": ("mhra", {"mhra.ebgm": 2.5, "mhra.eb05": 1.8, "mhra.reports": 3}),
    "ema": ("ror", {"ror.lower": 1.0, "ror.reports": 3}),
    "ema-strict": ("ror", {"ror.lower": 1.0, "ror.reports": 5}),
}


def test_the_presets_are_those_of_the_agencies():
    assert presets() == sorted(PRESETS)


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_raises_by_its_agency_s_rule_alone(name, tmp_path):
    rule, values = PRESETS[name]
    rules = rules_of(tmp_path, f'preset = "{name}"')
    assert rules == preset_rules(name)
    assert {key: each.value for key, each in rules.values() if key in values} == values
    assert rules.overrides[0] == f"preset={name}"
    drug, reaction = pair = "new drug", "new reaction"
    rows = busy_rows(pair, 6, END) + [
        row(f"q{i}", END - (5 + i) * HOUR, beside, author=f"q{i}")
        for i, beside in enumerate([("d0", reaction), (drug, "r0")])
    ]
    [finding] = evaluate(ledger_of(rows), END, rules, lambda owned: owned == drug)
    assert finding.rules == (rule,)
    fewer = [r for r in rows if r.post_id not in ("p0", "p1", "p2", "p3")]
    assert evaluate(ledger_of(fewer), END, rules, lambda owned: owned == drug) == []


def test_changes_of_the_same_file_come_after_its_preset(tmp_path):
    rules = rules_of(tmp_path, 'preset = "mhra"\n[mhra]\nreports = 5\n')
    assert rules.overrides == ("preset=mhra", "mhra.reports=5", "policy.rules=mhra")


def test_a_threshold_of_a_rule_that_the_policy_does_not_name_is_idle(tmp_path):
    assert rules_of(tmp_path, 'preset = "fda"\n[evans]\nprr = 3.0\n').idle() == ["evans.prr"]


def alerts_of(rules: Rules, hours: dict[int, int]) -> list[Alert]:
    """What is published when so many new reports of the pair come in some hours, over a background."""
    rows = [*background(400, 0, "d2", "r2"), *background(10, 0, "d2", "r1"), *background(10, 0, "d1", "r2")]
    for hour, reports in hours.items():
        rows += [row(f"p{hour}-{i}", hour * HOUR + i, PAIR, author=f"a{hour}-{i}") for i in range(reports)]
    ledger, timeline = ledger_of(rows), Timeline(rules, {})
    closed = [timeline.close(ledger, (hour + 1) * HOUR) for hour in sorted(hours)]
    return [alert for alerts in closed for alert in alerts if alert.drug.id == "d1"]


def test_cool_down_of_the_file_parts_episodes(tmp_path):
    hours = {10: 4, 40: 1}
    assert len(alerts_of(shipped(), hours)) == 1
    first, second = alerts_of(rules_of(tmp_path, "[policy]\ncool_down_hours = 24"), hours)
    assert first.id != second.id
    assert first.overrides == second.overrides == ("policy.cool_down_hours=24",)


def test_the_escalation_factor_of_the_file_publishes_again(tmp_path):
    hours = {10: 4, 12: 2}
    assert len(alerts_of(shipped(), hours)) == 1
    first, again = alerts_of(rules_of(tmp_path, "[policy]\nescalation_factor = 1.5"), hours)
    assert (first.id, first.table.a, again.table.a) == (again.id, 4, 6)


def test_a_pair_that_the_file_suppresses_counts_and_is_never_published(tmp_path):
    text = '[suppression]\npairs = [{ drug = "d1", reaction = "r1", reason = "in the label" }]'
    assert alerts_of(shipped(), {10: 4}) != []
    assert alerts_of(rules_of(tmp_path, text), {10: 4, 12: 40}) == []


def test_authors_and_thresholds_of_the_file_decide(tmp_path):
    assert alerts_of(shipped(), {10: 2}) == []
    text = '[policy]\nauthors = 2\nrules = ["evans"]\n[evans]\nreports = 2\n'
    [alert] = alerts_of(rules_of(tmp_path, text), {10: 2})
    assert alert.overrides == ("evans.reports=2", "policy.rules=evans", "policy.authors=2")
    assert alert.rule_version.startswith("1-")


def test_an_item_of_the_single_report_queue_carries_the_overrides(tmp_path):
    rules = rules_of(tmp_path, '[single_report.situations]\ncriteria = ["overdose"]')
    mention = Mention(
        id="m", post_id="s:1", created_at=from_ms(0), drug=Concept("d1", "Drug"), reaction=Concept("r1", "Rash"),
        drug_span=Span(0, 1), reaction_span=Span(2, 3), score=0.9, model_version="1", situations=("overdose", "misuse"),
    )  # fmt: skip
    [item] = queue([mention], rules)
    assert item.rules == ("overdose",)
    assert item.overrides == ("single_report.situations.criteria=overdose",)


def test_alerts_of_versions_before_and_after_the_overrides_can_be_read(tmp_path):
    [alert] = alerts_of(rules_of(tmp_path, "[policy]\nauthors = 2"), {10: 4})
    assert decode(encode(alert), Alert) == alert
    written = msgspec.json.decode(encode(alert))
    assert written.pop("overrides") == ["policy.authors=2"]
    earlier = decode(msgspec.json.encode(written), Alert)
    assert (earlier.overrides, earlier.id) == ((), alert.id)
