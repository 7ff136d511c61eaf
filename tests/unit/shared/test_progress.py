"""How far a command has come."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from shared import progress as module
from shared.progress import Progress


def test_progress_gives_every_item_on_and_ends_at_the_full_bar() -> None:
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, width=100)
    done = [0]
    with Progress(console, "posts", lambda: (done[0], 4), lambda: f"{done[0]} read") as progress:
        for item in progress.follow(range(4)):
            done[0] = item + 1
        progress.say("a word beside it")
    shown = out.getvalue()
    assert "a word beside it" in shown
    assert "100%" in shown
    assert "4 read" in shown


def test_without_a_terminal_a_line_comes_only_where_something_happened(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_EVERY", 0.0)
    out = io.StringIO()
    counts = iter(["1 read", "1 read", "2 read"])
    with Progress(Console(file=out), "posts", lambda: (0, None), lambda: next(counts, "2 read")) as progress:
        assert list(progress.follow(range(3))) == [0, 1, 2]
    assert out.getvalue().splitlines() == ["posts: 1 read", "posts: 2 read"]
