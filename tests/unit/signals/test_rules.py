"""The rule file: its checks, and that page, code and tests follow it."""

import importlib
import re
import tomllib

import pytest

from shared.errors import AdrwatchError
from shared.events import Mention
from shared.settings import PACKAGE_ROOT, load
from shared.signals.criteria import CRITERIA
from shared.signals.rules import check_rules, load_rules
from shared.signals.rules_page import render
from tests.unit.signals.signal_rows import RULES_FILE, rules_with

SHIPPED = load_rules(RULES_FILE)
REFERENCES = [(key, rule.code, rule.test) for key, rule in SHIPPED.values()] + [
    ("single_report", SHIPPED.single_report.code, SHIPPED.single_report.test)
]


def test_the_settings_point_at_the_shipped_rules():
    assert load_rules(load().rules_file) == SHIPPED


def test_the_page_of_the_rules_is_made_from_the_file():
    page = PACKAGE_ROOT / "docs" / "rules.md"
    assert page.read_text(encoding="utf-8") == render(SHIPPED), "run: adrwatch rules show --markdown > docs/rules.md"


@pytest.mark.parametrize(("key", "code", "test"), REFERENCES, ids=[key for key, *_ in REFERENCES])
def test_code_and_test_that_a_rule_names_exist(key, code, test):
    module, _, path = code.partition(":")
    found = importlib.import_module(module)
    for name in path.split("."):
        found = getattr(found, name)
    file, _, name = test.partition("::")
    function, _, parameter = name.partition("[")
    source = (PACKAGE_ROOT / file).read_text(encoding="utf-8")
    assert re.search(rf"^(async )?def {function}\(", source, re.MULTILINE)
    assert not parameter or f'"{parameter.rstrip("]")}"' in source


def test_every_rule_of_disproportionality_has_its_criterion():
    raw = tomllib.loads(RULES_FILE.read_text(encoding="utf-8"))
    parts = {key for key in raw if isinstance(raw[key], dict)}
    assert set(CRITERIA) == parts - {"time", "counting", "near", "policy", "suppression", "single_report"}


def broken(change):
    raw = tomllib.loads(RULES_FILE.read_text(encoding="utf-8"))
    change(raw)
    with pytest.raises(AdrwatchError) as caught:
        check_rules(raw, "mine.toml")
    return caught.value.message


def test_windows_must_be_whole_buckets():
    def change(raw):
        raw["time"]["bucket_hours"]["value"] = 6
        raw["time"]["windows_hours"]["value"] = [6, 8]

    assert "time.windows_hours: 8 hours" in broken(change)


def test_a_criterion_stands_in_one_lane_only():
    def change(raw):
        raw["single_report"]["situations"]["criteria"].append("death")

    assert "death appears twice" in broken(change)


def test_a_file_that_is_missing_or_no_toml_is_named(tmp_path):
    with pytest.raises(AdrwatchError, match=r"none\.toml cannot be read"):
        load_rules(tmp_path / "none.toml")
    (tmp_path / "bad.toml").write_text("version = ")
    with pytest.raises(AdrwatchError, match="is not TOML"):
        load_rules(tmp_path / "bad.toml")


def test_the_recent_hours_are_whole_buckets():
    def change(raw):
        raw["time"]["bucket_hours"]["value"] = 12
        raw["time"]["recent_hours"]["value"] = 30

    assert "time.recent_hours: 30 hours" in broken(change)


def test_a_changed_value_changes_the_stamp_of_alerts_and_a_changed_word_does_not():
    assert rules_with(evans__prr=2.5).stamp != SHIPPED.stamp
    raw = tomllib.loads(RULES_FILE.read_text(encoding="utf-8"))
    raw["evans"]["prr"]["meaning"] = "other words"
    raw["single_report"] |= {"source": "other words", "code": "elsewhere:item"}
    assert check_rules(raw, "test").stamp == SHIPPED.stamp


def test_designated_events_have_open_identifiers_once_each():
    events = SHIPPED.single_report.designated_events
    ids = [event.id for event in events if event.id]
    assert len(ids) == len(set(ids))
    assert all(re.fullmatch(r"HP:\d{7}|DOID:\d+", found) for found in ids)
    assert "anaphylaxis" in SHIPPED.designated_names


def test_mentions_can_carry_every_criterion():
    assert {"serious", "situations"} <= set(Mention.__struct_fields__)
    assert SHIPPED.single_report.serious.lane == "urgent"
