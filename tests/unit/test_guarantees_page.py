"""docs/guarantees.md promises only what a test proves."""

from __future__ import annotations

import ast
import re

from shared.settings import PACKAGE_ROOT

PAGE = (PACKAGE_ROOT / "docs" / "guarantees.md").read_text()


def test_every_test_that_the_page_names_exists() -> None:
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", PAGE)
    assert len(named) > 20
    for file, test in named:
        functions = {
            node.name for node in ast.walk(ast.parse((PACKAGE_ROOT / file).read_text())) if hasattr(node, "name")
        }
        assert test in functions, f"{file} has no {test}"


def test_every_promise_names_its_test() -> None:
    promises, _, _ = PAGE.partition("## Not proven yet")
    rows = [line for line in promises.splitlines() if line.startswith("| ") and not line.startswith("| failure")]
    assert rows
    for row in rows:
        assert "::" in row.split("|")[3], row
