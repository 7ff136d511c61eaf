"""Who speaks in a post, by cue words (`adverts.toml`)."""

from __future__ import annotations

from pathlib import Path

from shared.assertion.text import cues
from shared.text.clean import URL_MASK, model_text

_FILE = Path(__file__).with_name("adverts.toml")
_LINK = URL_MASK.lower()


def first_person(text: str) -> bool:
    """Whether somebody in the post speaks of themselves."""
    return cues(_FILE)["first_person"].search(model_text(text)) is not None


def sells(text: str) -> bool:
    """Whether a post uses the words of a shop; two of the weaker ones count beside a link."""
    lowered, found = model_text(text), cues(_FILE)
    if found["sells"].search(lowered):
        return True
    return _LINK in lowered and len(set(found["trade"].findall(lowered))) > 1
