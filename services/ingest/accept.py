"""A raw post becomes a post of adrwatch, masked and under the source's policy, or a reject."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from services.ingest.source import Policy, RawPost, Reject
from services.ingest.veil import HASHED
from shared.events import Post
from shared.text.clean import mask

_IS_HASHED = re.compile(rf"{HASHED}([0-9a-f]{{32}})")


@dataclass(frozen=True)
class Limits:
    """`max_chars` of a text before masking; `future` is how far ahead of now a post's time may lie."""

    max_chars: int
    future: timedelta


def accept(
    raw: RawPost, policy: Policy, limits: Limits, author_hash: Callable[[str, str], str], at: datetime
) -> Post | Reject:
    """The post, or a reject: empty-text, too-long, future-time. `author_hash` takes source and author, `at` is now."""

    def refuse(reason: str, detail: str) -> Reject:
        return Reject(reason, detail, raw.origin, raw.veiled(), raw.post_id, policy.aggregates_only)

    if not raw.text.strip():
        return refuse("empty-text", "the text is empty")
    if len(raw.text) > limits.max_chars:
        return refuse("too-long", f"the text has {len(raw.text)} characters, {limits.max_chars} are allowed")
    if raw.created_at - at > limits.future:
        return refuse("future-time", f"the time is {(raw.created_at - at).total_seconds():.0f} s in the future")
    author = None
    if raw.author and policy.keeps_identifiers:
        mended = _IS_HASHED.fullmatch(raw.author) if raw.author.startswith(HASHED) else None
        author = mended[1] if mended else author_hash(raw.source, raw.author)
    return Post(
        id=raw.post_id,
        source=raw.source,
        text=mask(raw.text),
        created_at=raw.created_at,
        ingested_at=at,
        author=author,
        language=raw.language,
        terms=policy.terms,
    )
