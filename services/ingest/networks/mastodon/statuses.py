"""Mastodon's statuses, as its API and its streams give them: pure functions.

Source: docs.joinmastodon.org/entities/Status and /entities/Account. Other software speaks the same API less strictly, so every
value may be missing or of another type.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from services.ingest.times import parse_time
from shared.text.html import words_of

Status = Mapping[str, Any]

# What people write into their profile where they want no robots; older than the switch that Mastodon has for it.
_NO_ROBOTS = re.compile(r"#?\b(?:nobots?|noindex|noarchive)\b", re.IGNORECASE)
# Ids of Mastodon hold milliseconds since 1970 above these bits (lib/mastodon/snowflake.rb).
_SNOWFLAKE_BITS = 16
_SMALLEST_SNOWFLAKE = 1 << 50
# Of 64 bits.
_MOST_DIGITS = 20


def why_not(status: Status, indexable_only: bool) -> str | None:
    """Why a status is nothing to adrwatch, in a word for the metrics; None if it is a post."""
    if status.get("reblog") is not None:
        return "boost"
    if status.get("visibility") != "public":
        return "not_public"
    account = status.get("account")
    if not isinstance(account, Mapping) or account.get("noindex") is True:
        return "no_robots"
    if indexable_only and account.get("indexable") is not True:
        return "no_robots"
    note = account.get("note")
    if isinstance(note, str) and _NO_ROBOTS.search(words_of(note)):
        return "no_robots"
    return None


def text_of(status: Status) -> str:
    """The content warning, which often names the medicine, and the text below it; without handles in mentions."""
    warning, content = status.get("spoiler_text"), status.get("content")
    parts = [
        warning.strip() if isinstance(warning, str) else "",
        words_of(content) if isinstance(content, str) else "",
    ]
    return "\n".join(part for part in parts if part)


def uri_of(status: Status) -> str:
    """What names a status on all servers. Raises ValueError where it has no name."""
    uri = status.get("uri")
    if not isinstance(uri, str) or not uri:
        raise ValueError("a status without uri")
    return uri


def id_of(status: Status) -> str:
    """What names a status on the server that sent it. Raises ValueError where it has no id."""
    found = status.get("id")
    if not isinstance(found, str | int) or not str(found):
        raise ValueError("a status without id")
    return str(found)


def author_of(status: Status) -> str | None:
    """What names the account on all servers."""
    account = status.get("account")
    found = (account.get("uri") or account.get("url")) if isinstance(account, Mapping) else None
    return found if isinstance(found, str) else None


def time_of(status: Status, now: datetime) -> datetime:
    """When it was written, but never later than now."""
    return min(_moment(status.get("created_at")) or now, now)


def version_of(status: Status) -> float:
    """Grows with every edit, in seconds since 1970; 0 for what was never edited."""
    edited = _moment(status.get("edited_at"))
    return edited.timestamp() if edited else 0.0


def order(status_id: str) -> tuple[int, str]:
    """The order of ids, which are numbers at Mastodon and words of one length elsewhere."""
    return len(status_id), status_id


def moment_of(status_id: str) -> float | None:
    """When an id was made, by its server's clock, in seconds since 1970; None where the server's ids do not tell the time."""
    if not status_id.isdecimal() or len(status_id) > _MOST_DIGITS or int(status_id) < _SMALLEST_SNOWFLAKE:
        return None
    return (int(status_id) >> _SNOWFLAKE_BITS) / 1000


def id_at(seconds: float) -> str:
    """The first id of a time of the server's clock, in seconds since 1970, where ids tell the time."""
    return str(int(seconds * 1000) << _SNOWFLAKE_BITS)


def earlier(status_id: str, seconds: float) -> str:
    """An id from so long before; the same id where the server's ids do not tell the time."""
    if moment_of(status_id) is None:
        return status_id
    return str(max(0, int(status_id) - (int(seconds * 1000) << _SNOWFLAKE_BITS)))


def _moment(value: object) -> datetime | None:
    if isinstance(value, datetime):
        return value.astimezone(UTC)
    try:
        return parse_time(value) if isinstance(value, str) else None
    except ValueError:
        return None
