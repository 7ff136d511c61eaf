"""What people write of cases and signals: how long it may be, whoever takes it in, and that it is a text. Pure."""

from __future__ import annotations

from shared.errors import AdrwatchError
from shared.text.plain import plain

# In characters; a line's end is one. A narrative is as long as ICH E2B(R3) lets one be (element H.1).
MOST = {"comment": 4_000, "reason": 1_000, "narrative": 100_000}


def comment(text: str) -> str:
    """A comment as it is kept. Raises AdrwatchError where there is none, or too much, or it is no text."""
    said = _fitting(text, "comment")
    if not said:
        raise AdrwatchError("the comment is empty", fix="write what is to be noted")
    return said


def reason(text: str) -> str:
    """A reason as it is kept; errors as for `comment`."""
    said = _fitting(text, "reason")
    if not said:
        raise AdrwatchError("there is no reason", fix="say why; it stands in the audit trail, so name no person in it")
    return said


def narrative(text: str) -> str:
    """A narrative as it is kept, which may be empty; errors as for `comment`."""
    return _fitting(text, "narrative")


def _fitting(text: str, name: str) -> str:
    # Browsers end each line of a form by two characters, and count them as one.
    said = plain(text.strip(), name).replace("\r\n", "\n")
    if len(said) > MOST[name]:
        raise AdrwatchError(
            f"the {name} has {len(said):,} characters",
            fix=f"write {MOST[name]:,} characters at most, line ends included",
        )
    return said
