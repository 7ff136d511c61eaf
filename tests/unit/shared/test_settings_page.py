"""The reference page of the settings."""

from __future__ import annotations

from pathlib import Path

from services.settings_command import markdown
from shared.settings import Settings


def test_the_page_of_the_docs_is_in_step_with_the_code() -> None:
    page = Path(__file__).parents[3] / "docs" / "settings.md"
    assert page.read_text() == markdown(), "write it again: adrwatch settings --markdown > docs/settings.md"


def test_every_setting_says_what_it_means() -> None:
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []
