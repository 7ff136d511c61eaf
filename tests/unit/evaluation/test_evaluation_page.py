"""docs/evaluation.md lists every format as it is read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from shared.corpora.formats import CLASSIFICATION, EXTRACTION, Format

PAGE = (Path(__file__).parents[3] / "docs" / "evaluation.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("form", [*CLASSIFICATION.values(), *EXTRACTION.values()], ids=lambda form: form.name)
def test_the_page_has_the_formats_name_language_part_and_layout(form: Format[Any]) -> None:
    layout = form.layout.replace("|", "\\|")
    assert f"| `{form.name}` | {form.language} | {form.part} | {layout} |" in PAGE
