"""Aggregate: what is said of a post of which only counts may be kept (docs/decisions/0007).

Its words leave no trace in what it becomes: no author, no sketch, no places in the text, and nothing of the text itself. What
links reposts is made with a key, so that nobody can try a known text on it, and times are too coarse to find the post by.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import UTC, datetime

from msgspec.structs import replace

from shared.events import Mention, Outcome, Post, Span, derived_id

_NOWHERE = Span(0, 0)


def minute(post: Post) -> datetime:
    """The post's time as its outcome has it: exact enough for the windows, which count by the hour."""
    return post.created_at.astimezone(UTC).replace(second=0, microsecond=0)


def aggregated(
    outcome: Outcome, mentions: Iterable[Mention], post: Post, key: bytes | None
) -> tuple[Outcome, tuple[Mention, ...]]:
    """The messages of a post, as far as they may be kept; `key` is that of the sketches. Mentions of one pair become one."""
    linked = _keyed(outcome.fingerprint, key)
    by_pair: dict[tuple[str, str], list[Mention]] = {}
    for mention in mentions:
        by_pair.setdefault((mention.drug.id, mention.reaction.id), []).append(mention)
    merged = tuple(_one(found, linked) for found in by_pair.values())
    status = f"mentions:{len(merged)}" if merged else outcome.status
    kept = replace(
        outcome, status=status, created_at=minute(post), author=None, fingerprint=linked, sketch=None, language=None
    )
    return kept, merged


def _one(mentions: list[Mention], linked: str | None) -> Mention:
    """One mention for all that a post says of a pair: all criteria and situations, and the best score."""
    first = mentions[0]
    return replace(
        first,
        id=derived_id(first.post_id, first.drug.id, first.reaction.id),
        created_at=first.created_at.astimezone(UTC).replace(minute=0, second=0, microsecond=0),
        drug_span=_NOWHERE,
        reaction_span=_NOWHERE,
        score=max(mention.score for mention in mentions),
        author=None,
        fingerprint=linked,
        serious=_all(mention.serious for mention in mentions),
        situations=_all(mention.situations for mention in mentions),
        language=None,
    )


def _all(names: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for some in names for name in some))


def _keyed(fingerprint: str | None, key: bytes | None) -> str | None:
    if fingerprint is None or key is None:
        return None
    return hashlib.blake2b(fingerprint.encode(), digest_size=8, key=key).hexdigest()
