"""What a person sees of a replay: progress, refused lines, the account."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bar
from rich.table import Table

from services.ingest.publish import Account
from services.ingest.source import Reject

T = TypeVar("T")
_EVERY = 5.0
_REDRAW = 0.2
_MOST_NAMED = 20


class Progress:
    """A bar on a terminal, else a line every few seconds; both on standard error.

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
                else:
                    self.say(f"{self._name}: {self._counts()}")
            yield item

    def say(self, line: str) -> None:
        """Print a line beside the bar."""
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)


def counts(account: Account) -> str:
    """The account so far, in a few words."""
    return f"{account.read} read, {account.delivered} delivered, {account.rejected.total()} rejected"


class RejectReport:
    """Names refused lines by file and line, the first ones of each reason, then says once with `rest` where the others are."""

    def __init__(
        self,
        say: Callable[[str], None],
        rest: Callable[[str], str] = "`adrwatch dead-letters list --reason {}` names them all".format,
    ) -> None:
        self._say = say
        self._rest = rest
        self._named: Counter[str] = Counter()

    def __call__(self, reject: Reject) -> None:
        """Name the reject, unless many of its reason were named."""
        self._named[reject.reason] += 1
        count = self._named[reject.reason]
        if count <= _MOST_NAMED:
            self._say(f"{reject.origin.file}:{reject.origin.line}: {reject.reason}: {reject.detail}")
        elif count == _MOST_NAMED + 1:
            self._say(f"more of {reject.reason}: {self._rest(reject.reason)}")


def account_table(account: Account) -> Table:
    """The account as a table whose parts add up to the records read."""
    table = Table(title="account" if account.balanced else "account DOES NOT BALANCE")
    table.add_column("records")
    table.add_column("count", justify="right")
    table.add_row("delivered", str(account.delivered))
    for reason, count in sorted(account.rejected.items()):
        table.add_row(f"rejected: {reason}", str(count))
    for error, count in sorted(account.failed.items()):
        table.add_row(f"failed: {error}", str(count))
    if account.unacknowledged:
        table.add_row("unacknowledged", str(account.unacknowledged))
    table.add_section()
    table.add_row("read", str(account.read))
    rate = account.read / account.seconds if account.seconds else 0.0
    table.caption = f"{account.seconds:.1f} s, {rate:.0f} records/s{', interrupted' if account.interrupted else ''}"
    return table
