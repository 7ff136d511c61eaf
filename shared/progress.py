"""How far a command has come, for whoever waits for it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bar

T = TypeVar("T")
_EVERY = 5.0
_REDRAW = 0.2


class Progress:
    """A bar on a terminal, else a line every few seconds in which something happened; both on the console's stream.

    `done` gives how much is done and how much there is (None: not known), `counts` the words beside it.
    """

    def __init__(
        self, console: Console, name: str, done: Callable[[], tuple[int, int | None]], counts: Callable[[], str]
    ) -> None:
        self._console = console
        self._name = name
        self._done = done
        self._counts = counts
        self._bar = Bar(
            TextColumn(name), BarColumn(), TaskProgressColumn(), TextColumn("{task.fields[counts]}"),
            TimeElapsedColumn(), console=console, disable=not console.is_terminal,
        )  # fmt: skip
        self._task = self._bar.add_task(name, total=done()[1], counts="")
        self._shown = time.monotonic()
        self._said = ""

    def __enter__(self) -> Progress:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.update(self._task, completed=self._done()[0], counts=self._counts())
        self._bar.stop()

    def follow(self, items: Iterable[T]) -> Iterator[T]:
        """The items, with progress shown as they pass."""
        every = _REDRAW if self._console.is_terminal else _EVERY
        for item in items:
            if time.monotonic() - self._shown >= every:
                self._shown = time.monotonic()
                if self._console.is_terminal:
                    self._bar.update(self._task, completed=self._done()[0], counts=self._counts())
                elif (words := self._counts()) != self._said:
                    self._said = words
                    self.say(f"{self._name}: {words}")
            yield item

    def say(self, line: str) -> None:
        """Print a line beside the bar."""
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)
