"""The back-test and the live path on the sample stream: the same mentions, outcomes, alerts and account, message by message."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from deploy.demo import sample
from tests.integration.compare_backtest import (
    EASY,
    IDLE,
    Found,
    Input,
    by_backtest,
    by_live,
    command,
    compare,
    rule_file,
)

SAMPLE = Input((str(sample.POSTS), str(sample.BROKEN)), sample.SOURCE)
Tested = Callable[[str, int], Found]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("compare")


@pytest.fixture(scope="module")
def rules(folder: Path) -> dict[str, Path]:
    """The shipped rules, and ones that raise dozens of alerts."""
    return {"shipped": rule_file(folder, idle=IDLE), "easy": rule_file(folder, easy=EASY, idle=IDLE)}


@pytest.fixture(scope="module")
def tested(folder: Path, rules: dict[str, Path]) -> Iterator[Tested]:
    """Back-tests by rules and batch size, each run once, in processes beside one another and beside what is live."""
    with ThreadPoolExecutor(2) as beside:
        found = {
            (name, size): beside.submit(by_backtest, folder, SAMPLE, rules[name], size)
            for name, size in (("easy", 64), ("easy", 1), ("shipped", 64))
        }
        yield lambda name, size: found[name, size].result()


def test_a_back_test_does_not_depend_on_its_batches_and_the_easy_rules_raise_dozens_of_alerts(tested: Tested) -> None:
    assert tested("easy", 1) == tested("easy", 64)
    assert len(tested("easy", 64).alerts) > 40


def test_a_report_of_the_sample_shows_the_numbers_of_its_result(
    tested: Tested, folder: Path, rules: dict[str, Path], tmp_path: Path
) -> None:
    expected = tested("shipped", 64)
    results = folder / f"tested-{rules['shipped'].stem}-64"
    words = (str(results), "--rules", str(rules["shipped"]), "--report", str(tmp_path), "--json")
    result = json.loads(command({}, "backtest", *words))
    assert {alert["id"] for alert in result["alerts"]} == expected.alerts.keys()
    assert json.loads((tmp_path / "report.json").read_text()) == result
    html, markdown = ((tmp_path / f"report.{form}").read_text() for form in ("html", "md"))
    assert len(result["stories"]) == expected.account["alerts"] == 3
    for story in result["stories"]:
        row = [story["drug"]["label"], story["reaction"]["label"], str(story["reports"]), str(story["days"])]
        assert any(all(f" {value} |" in line for value in row) for line in markdown.splitlines())
    for reason, count in result["statuses"].items():
        assert f'<td>{reason.replace(":", ": ")}</td><td class="number">{count}</td>' in html
    for alert in result["alerts"]:
        if table := alert["table"]:
            assert "/".join(str(table[cell]) for cell in "abcd") in html
            assert f"{alert['measures']['prr']['value']:.1f}"[:3] in html


@pytest.mark.parametrize(("size", "name"), [(1, "shipped"), (7, "easy")])
def test_the_live_path_gives_what_the_back_test_gives(
    kafka: str, redis_url: str, triton: str, folder: Path, rules: dict[str, Path], tested: Tested, size: int, name: str
) -> None:
    expected = tested(name, 64)
    servers = {"kafka_bootstrap": kafka, "redis_url": redis_url, "triton_url": triton}
    live = by_live(folder, SAMPLE, rules[name], size, len(expected.outcomes), servers, print)
    assert [found for found in compare(live, expected) if not found.equal] == []
    assert live.account == expected.account
    assert live.account["lost"] == 0
    assert live.again == live.alerts
