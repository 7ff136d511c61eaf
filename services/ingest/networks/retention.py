"""What is kept of the posts of each live source, and for how long, and what was last forgotten: in words and numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich import box
from rich.table import Column, Table

from services.ingest.networks.keys import SourceKeys
from shared.events import Position
from shared.topics import DAY_MS, DEAD_LETTERS, OUTCOMES, POSTS

_HOURS = 24


def policy_of(name: str, source: SourceKeys, position: Position | None) -> dict[str, Any]:
    """The policy of one source. After these days the broker forgets; a deletion takes a post back at any time.

    `position` is the source's last one, which says what its retention did.
    """
    own = source.text_limit
    refused = 0.0 if source.aggregates_only else own
    return {
        "name": name,
        "keeps": "aggregates" if source.aggregates_only else "posts",
        "case_export": source.case_export,
        "identifiers": source.identifiers,
        "author": "keyed hash" if source.policy.keeps_identifiers else "none",
        "screened_at_ingest": source.screen,
        "languages": list(source.languages),
        "text_days": own if own is not None else POSTS.retention_ms / DAY_MS,
        "refused_text_days": refused if refused is not None else DEAD_LETTERS.retention_ms / DAY_MS,
        "text_days_from": "the topics" if own is None else "the source",
        "count_days": OUTCOMES.retention_ms / DAY_MS,
        "forgotten": forgotten(position),
    }


def forgotten(position: Position | None) -> dict[str, Any] | None:
    """What a source last forgot of its texts; None where it never did, or leaves that to the topics."""
    found = position.forgotten if position is not None else None
    if found is None:
        return None
    oldest = None if found.oldest is None else found.oldest.isoformat()
    return {"at": found.at.isoformat(), "texts": found.texts, "oldest_left": oldest}


def forgotten_words(found: dict[str, Any] | None) -> str:
    """The same for people."""
    if found is None:
        return ""
    left = f"oldest left {found['oldest_left'][:16]}" if found["oldest_left"] else "none left"
    return f"{found['texts']} at {found['at'][:16]}, {left}"


def policies_table(found: Sequence[dict[str, Any]]) -> Table:
    """The policies as a table."""
    table = Table(
        *(Column(name, no_wrap=True) for name in ("name", "keeps", "identifiers")), "author", "case export", "posts",
        "languages", "texts", "refused texts", "counts", "last forgotten", box=box.SIMPLE_HEAD, show_edge=False,
    )  # fmt: skip
    for one in found:
        table.add_row(
            one["name"], one["keeps"], one["identifiers"], one["author"], "yes" if one["case_export"] else "no",
            "that name a medicine" if one["screened_at_ingest"] else "all", ", ".join(one["languages"]) or "all",
            _time(one["text_days"]), _time(one["refused_text_days"]), _time(one["count_days"]),
            forgotten_words(one["forgotten"]),
        )  # fmt: skip
    return table


def _time(days: float) -> str:
    if not days:
        return "not kept"
    number, unit = (days, "day") if days >= 1 else (days * _HOURS, "hour")
    return f"{number:.3g} {unit}" + ("" if number == 1 else "s")
