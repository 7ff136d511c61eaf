"""How long what people write of cases may be."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from services.cases import said
from shared.errors import AdrwatchError


@pytest.mark.parametrize("read", [said.comment, said.reason, said.narrative])
def test_the_longest_is_taken_and_one_more_is_refused_with_both_numbers(read: Callable[[str], str]) -> None:
    name = read.__name__
    most = said.MOST[name]
    # As browsers send it: a line's end is two characters, and counts as one.
    assert read("  " + "a\r\n" * (most // 2 - 1) + "bb ") == "a\n" * (most // 2 - 1) + "bb"
    with pytest.raises(AdrwatchError, match=f"the {name} has {most + 1:,} characters") as raised:
        read("\U0001f48a" * (most + 1))
    assert f"{most:,} characters at most" in (raised.value.fix or "")


def test_only_a_narrative_may_be_empty() -> None:
    assert said.narrative(" ") == ""
    with pytest.raises(AdrwatchError, match="comment is empty"):
        said.comment(" \n")
    with pytest.raises(AdrwatchError, match="no reason"):
        said.reason("")


def test_what_no_document_can_hold_is_named() -> None:
    with pytest.raises(AdrwatchError, match=r"comment holds the character U\+0007 in line 2"):
        said.comment("one\ntw\ao")
