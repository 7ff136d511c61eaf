"""Reports and comparisons as pages."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import msgspec

from services.backtest.comparison import compare
from services.backtest.report import COMPARISON_FIGURES, RESULT_FIGURES, comparison_files, place, result_files
from services.backtest.result import Result
from services.backtest.run import Decided, evaluate
from shared.signals.findings import OF_TABLE, OF_WINDOW
from shared.signals.wording import MEANINGS, NAMES
from tests.unit.alerting.world import outcome
from tests.unit.backtest.messages import filled, quiet
from tests.unit.backtest.test_stories import EASY, STRICT, result

FOLDER = Path("report")


def texts(files: object) -> dict[str, str]:
    assert isinstance(files, dict)
    return {name: b"".join(lines).decode() for name, lines in files.items()}


def named(found: Result) -> Result:
    """The result with a drug whose name looks like markup."""
    wild = msgspec.json.encode(found).replace(b"Drug one", b"<script>alert(1)</script>|")
    return msgspec.json.decode(wild, type=Result)


def test_a_folder_holds_pages_figures_and_everything_as_json() -> None:
    found = result(EASY)
    files = texts(result_files(FOLDER, found))
    assert place(FOLDER, RESULT_FIGURES) == (FOLDER, tuple(files))
    assert msgspec.json.decode(files["report.json"], type=Result) == found
    for name in RESULT_FIGURES:
        assert ET.fromstring(files[name]).tag.endswith("svg")
        assert f"]({name})" in files["report.md"]
    for story in found.stories:
        row = f"| {story.drug.label} | {story.reaction.label} |"
        line = next(line for line in files["report.md"].splitlines() if line.startswith(row))
        assert f"| {story.reports} | {story.days} | {len(story.spans)} |" in line
    assert f"| mentions | {found.statuses['mentions']} |" in files["report.md"]


def test_a_page_needs_nothing_from_elsewhere_and_names_are_only_text() -> None:
    (page,) = texts(result_files(Path("page.html"), named(result(EASY)))).values()
    assert "<svg" in page
    assert not re.search(r"(src|href)=|@import|url\(", page)
    assert "<script>alert(1)" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert r"&lt;script>alert(1)&lt;/script>\|" in texts(result_files(FOLDER, named(result(EASY))))["report.md"]


def test_every_measure_has_its_sentence() -> None:
    assert MEANINGS.keys() == NAMES.keys() == OF_TABLE.keys() | OF_WINDOW.keys()


def test_a_result_without_an_alert_has_a_page_too() -> None:
    files = texts(
        result_files(
            FOLDER,
            evaluate(filled([outcome("p", 0)]), EASY, Decided(1, "m", 1.0), "one post", quiet(), to_the_end=True),
        )
    )
    assert "No alerts." in files["report.html"]
    assert ET.fromstring(files["alerts.svg"]).tag.endswith("svg")


def test_a_comparison_is_told_in_full() -> None:
    found = compare("easy | rules", result(EASY), "strict", result(STRICT))
    files = texts(comparison_files(FOLDER, found))
    assert place(FOLDER, COMPARISON_FIGURES) == (FOLDER, tuple(files))
    assert len(json.loads(files["report.json"])["both"]) == len(found.both)
    assert "2 h later" in files["report.html"]
    assert "2 h later" in files["report.md"]
    assert r"A: easy \| rules" in files["report.md"]
