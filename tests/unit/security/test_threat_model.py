"""docs/threat-model.md names, for each threat, tests that exist."""

from __future__ import annotations

import ast
import re

from shared.settings import PACKAGE_ROOT

PAGE = (PACKAGE_ROOT / "docs" / "threat-model.md").read_text()


def test_every_threat_has_a_test_and_every_test_exists() -> None:
    threats = [line for line in PAGE.splitlines() if re.match(r"\| [STRIDE](, [STRIDE])* \|", line)]
    assert len(threats) > 20
    for line in threats:
        named = re.findall(r"`(tests/[\w/]+(?:\.py)?)(?:::(\w+))?`", line)
        assert named, line
        for path, test in named:
            found = PACKAGE_ROOT / path
            assert found.exists(), path
            names = {getattr(node, "name", "") for node in ast.walk(ast.parse(found.read_text()))} if test else {""}
            assert test in names, f"{path} has no {test}"
