"""By when a case must be reported, from day 0 and a rule file by region. Pure."""

from __future__ import annotations

import tomllib
from datetime import date, timedelta
from functools import cache
from pathlib import Path

import msgspec

from shared.cases.model import Case
from shared.errors import AdrwatchError

_FILE = Path(__file__).parent / "clocks.toml"


class Clock(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Calendar days from day 0 in one region; None where such cases are not reported one by one."""

    source: str
    serious_days: int | None = None
    other_days: int | None = None


class Deadline(msgspec.Struct, frozen=True):
    """When a case is due in a region. `provisional`: seriousness is only suggested, so the earlier day stands."""

    region: str
    due: date
    provisional: bool


@cache
def clocks(path: Path = _FILE) -> dict[str, Clock]:
    """The clocks by region. Raises AdrwatchError for a file that is none."""
    try:
        return msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), dict[str, Clock])
    except (OSError, ValueError, msgspec.ValidationError) as error:
        raise AdrwatchError(
            f"the clocks {path} cannot be read: {error}", fix="compare with the file that is shipped"
        ) from None


def deadlines(case: Case) -> list[Deadline]:
    """When the case is due, by region; none while day 0 is not known or a minimum criterion is not met."""
    if case.awareness is None or case.valid != "met":
        return []
    found = []
    for region, clock in clocks().items():
        days = clock.other_days if case.serious is False else clock.serious_days
        if days is not None:
            found.append(Deadline(region, _later(case.awareness, days), case.serious is None))
    return sorted(found, key=lambda deadline: (deadline.due, deadline.region))


def _later(day: date, days: int) -> date:
    # A day 0 near the end of the calendar may be stored already: lists that hold it must still be shown.
    return day + timedelta(days=min(days, (date.max - day).days))
