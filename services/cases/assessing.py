"""What a person says of a case, as it is typed in, put into the case. Pure, but that it knows which day it is."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, timedelta
from typing import Any

import msgspec

from services.cases import said
from shared.assertion.flags import SITUATIONS
from shared.cases.causality import naranjo_score
from shared.cases.causality import who_umc as category
from shared.cases.model import Case, judged, listed
from shared.errors import AdrwatchError
from shared.events import now
from shared.text.plain import plain

# Where the day begins first on Earth, it is this much ahead of UTC.
_AHEAD = timedelta(hours=14)


class FieldError(AdrwatchError):
    """What was typed in cannot be; `field` is the name of the argument of `assessed` that it was typed in for."""

    def __init__(self, field: str, error: AdrwatchError) -> None:
        super().__init__(error.message, fix=error.fix)
        self.field = field


def assessed(
    case: Case,
    *,
    criteria: Mapping[str, str] | None = None,
    seriousness: Mapping[str, str] | None = None,
    situations: Collection[str] | None = None,
    awareness: str | None = None,
    who_umc: str | None = None,
    naranjo: Sequence[str] | None = None,
    listedness: str | None = None,
    narrative: str | None = None,
    assignee: str | None = None,
    source: str | None = None,
) -> Case:
    """The case with what is given; None leaves a thing as it is, an empty word takes back what was said.

    `awareness` is a day as 2026-03-01, `naranjo` the answers in order. Raises FieldError for what cannot be.
    """
    changed: dict[str, Any] = {}
    if awareness is not None:
        with _field("awareness"):
            changed["awareness"] = _day(awareness) if awareness else None
    if who_umc is not None:
        with _field("who_umc"):
            changed["who_umc"] = category(who_umc).name if who_umc else None
    if naranjo is not None:
        with _field("naranjo"):
            answers = tuple(answer.strip().lower() for answer in naranjo)
            if any(answers):
                naranjo_score(answers)
            changed["naranjo"] = answers if any(answers) else ()
    if situations is not None:
        with _field("situations"):
            changed["situations"] = _situations(case, situations)
    if narrative is not None:
        with _field("narrative"):
            changed["narrative"] = said.narrative(narrative)
    if assignee is not None:
        with _field("assignee"):
            changed["assignee"] = plain(assignee, "assignee") or None
    if source is not None:
        with _field("source"):
            if case.source not in ("", source):
                raise AdrwatchError(f"case {case.id} comes from {case.source}", fix="leave the source as it is")
            changed["source"] = plain(source, "source")
    with _field("criteria"):
        case = judged(case, criteria=dict(criteria or {}))
    with _field("seriousness"):
        case = judged(case, seriousness=dict(seriousness or {}))
    case = msgspec.structs.replace(case, **changed)
    if listedness is None:
        return case
    with _field("listedness"):
        return listed(case, listedness) if listedness else msgspec.structs.replace(case, listedness=None)


@contextmanager
def _field(name: str) -> Iterator[None]:
    try:
        yield
    except AdrwatchError as error:
        raise FieldError(name, error) from None


def _day(word: str) -> date:
    try:
        found = date.fromisoformat(word)
    except ValueError:
        raise AdrwatchError(f"awareness {word!r} is no day", fix="write it as 2026-03-01") from None
    if found > (now() + _AHEAD).date():
        raise AdrwatchError(f"awareness {word} is in the future", fix="give the day on which it became known")
    return found


def _situations(case: Case, wanted: Collection[str]) -> tuple[str, ...]:
    known = dict.fromkeys((*SITUATIONS, *case.situations))
    for name in wanted:
        if name not in known:
            raise AdrwatchError(f"there is no special situation {name}", fix=f"they are {', '.join(known)}")
    return tuple(name for name in known if name in wanted)
