"""What a person sees of a replay: refused lines, the account."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from rich.table import Table

from services.ingest.publish import Account
from services.ingest.source import Reject

_MOST_NAMED = 20


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
