"""What is kept of the posts of each live source, and for how long: its policy in words for people and numbers for machines."""

from __future__ import annotations

from typing import Any

from services.ingest.networks.keys import SourceKeys
from shared.topics import DAY_MS, DEAD_LETTERS, OUTCOMES, POSTS


def policy_of(name: str, source: SourceKeys) -> dict[str, Any]:
    """The policy of one source. After these days the broker forgets; a deletion takes a post back at any time."""
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
    }
