"""Pages of the docs that are made from the code are in step with it."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from services.cli import build
from shared.settings import PACKAGE_ROOT


@pytest.mark.parametrize("page", ["commands", "metrics"])
def test_the_page_of_the_docs_is_in_step_with_the_code(page: str) -> None:
    made = CliRunner().invoke(build(), ["reference", page], prog_name="adrwatch", catch_exceptions=False)
    file = PACKAGE_ROOT / "docs" / f"{page}.md"
    assert file.read_text() == made.stdout, f"write it again: adrwatch reference {page} > docs/{page}.md"


def test_the_description_of_the_api_is_in_step_with_the_code() -> None:
    made = CliRunner().invoke(build(), ["dashboard", "api"], catch_exceptions=False)
    file = PACKAGE_ROOT / "docs" / "schemas" / "openapi.json"
    assert file.read_text() == made.stdout, "write it again: adrwatch dashboard api > docs/schemas/openapi.json"
    page = (PACKAGE_ROOT / "docs" / "api.md").read_text()
    for address in json.loads(made.stdout)["paths"]:
        assert f"`{address}`" in page, f"docs/api.md says nothing of {address}"


def test_every_command_says_what_it_does_and_every_metric_what_it_means() -> None:
    for page in ("commands", "metrics"):
        text = (PACKAGE_ROOT / "docs" / f"{page}.md").read_text()
        assert "|  |" not in text
        assert "\n\n\n" not in text
