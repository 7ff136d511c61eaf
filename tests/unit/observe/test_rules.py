"""Prometheus's rules, by Prometheus's own program: right, tested alert by alert, and each with a section of the runbook."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from markdown.extensions.toc import slugify

from shared.settings import PACKAGE_ROOT
from tests.promql import unknown
from tests.promtool import promtool
from tests.unit.docker.compose import services

PROMETHEUS = PACKAGE_ROOT / "deploy" / "observe" / "prometheus"
CASES = [Path(__file__).with_name(name) for name in ("rules_test.yml", "rules_days_test.yml")]
ALERTS: list[dict[str, Any]] = [
    rule for group in yaml.safe_load((PROMETHEUS / "rules.yml").read_text())["groups"] for rule in group["rules"]
]
RUNBOOK = PACKAGE_ROOT / "docs" / "runbooks" / "alerts.md"
SECTIONS = [line.removeprefix("## ") for line in RUNBOOK.read_text().splitlines() if line.startswith("## ")]


def told(*words: str) -> str:
    """What promtool says; fails with it where it ends with an error."""
    done = subprocess.run([promtool(), *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_prometheus_reads_its_configuration_and_the_rules() -> None:
    assert f"{len(ALERTS)} rules found" in told("check", "config", str(PROMETHEUS / "prometheus.yml"))


def test_every_alert_fires_when_it_should_and_is_silent_before() -> None:
    assert "SUCCESS" in told("test", "rules", *map(str, CASES))


def test_every_alert_has_a_case_in_which_it_fires_and_one_in_which_it_does_not() -> None:
    tests = [test for file in CASES for test in yaml.safe_load(file.read_text())["tests"]]
    cases = [one for test in tests for one in test["alert_rule_test"]]
    names = {rule["alert"] for rule in ALERTS}
    assert {one["alertname"] for one in cases if one["exp_alerts"]} == names
    assert {one["alertname"] for one in cases if not one["exp_alerts"]} == names


@pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: rule["alert"])
def test_an_alert_names_only_what_workers_tell_and_says_what_to_do(rule: dict[str, Any]) -> None:
    assert unknown(rule["expr"]) == []
    assert rule["labels"]["severity"] in {"critical", "warning", "info"}
    assert rule["annotations"].keys() == {"summary", "action", "runbook_url"}
    page, _, anchor = rule["annotations"]["runbook_url"].partition("#")
    assert PACKAGE_ROOT / page == RUNBOOK
    assert anchor == slugify(rule["alert"], "-")
    assert rule["alert"] in SECTIONS


def test_the_runbook_has_no_section_of_an_alert_that_is_gone() -> None:
    assert set(SECTIONS) == {rule["alert"] for rule in ALERTS}


@pytest.mark.parametrize(
    ("expression", "what"),
    [
        ("sum(adrwatch_no_such_total)", "there is no metric adrwatch_no_such_total"),
        ('adrwatch_dependency_up{stages="pipeline"}', "adrwatch_dependency_up has no label stages"),
        ("sum by (topic) (rate(adrwatch_retries_total[5m]))", "adrwatch_retries_total has no label topic"),
        ("max by (stage) (sum by (partition) (adrwatch_lag_records))", "stage is grouped away"),
    ],
)
def test_an_expression_that_asks_for_what_nobody_tells_is_found(expression: str, what: str) -> None:
    assert unknown(expression) == [what]


def test_prometheus_asks_every_worker_of_the_compose_file_at_its_port() -> None:
    asked = {
        one["job_name"]: one for one in yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text())["scrape_configs"]
    }
    (names,) = asked["adrwatch"]["dns_sd_configs"]
    workers = {name: spec for name, spec in services().items() if spec.get("command", [""])[0] == "worker"}
    assert set(names["names"]) == set(workers)
    assert {spec["environment"]["ADRWATCH_METRICS_PORT"] for spec in workers.values()} == {str(names["port"])}
