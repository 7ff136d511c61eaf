"""The posts of an alert as an assessor reads them: text by policy, marks, why it was attributed, and why each counts or not."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from services.dashboard.desk import Desk
from services.dashboard.opened import Opened
from services.dashboard.view.mentions import Wanted
from services.dashboard.view.texts import Missing
from shared.assertion.explain import Piece, explain
from shared.events import Mention, Post, Span
from shared.signals.rules import HOUR_MS
from shared.signals.windows import NONE, Told, from_ms, to_ms
from shared.vocabulary.drugs import default_lexicon

PAGE = 10
Cursor = tuple[int, str]
# What a report is to the counts of its window.
COUNTS = {
    "counted": "counts",
    "repost": "does not count: the same words as an earlier post",
    "near_duplicate": "does not count: nearly the same words as an earlier post, a short time after it",
    "same_author": "does not count: its author has reported this pair before",
}


@dataclass(frozen=True)
class Line:
    """One report of the pair. `pieces` are its text with marks, empty where `missing` says why there is none.

    `counts` says whether the window counts it, None where that is not known; `like_at` is the time of the post that it repeats.
    """

    mention: Mention
    source: str
    pieces: Sequence[Piece]
    reasons: Sequence[str]
    missing: Missing | None
    counts: str | None
    counted: bool
    like_at: datetime | None


@dataclass(frozen=True)
class Shown:
    """One page of reports, the newest first; `more` is what to ask for the next one by."""

    lines: list[Line]
    more: Cursor | None
    reading: bool


def evidence(desk: Desk, opened: Opened, before: Cursor | None, most: int = PAGE) -> Shown:
    """A page of the reports of an alert: of a signal all of its pair, of a single report its own post."""
    view = desk.view
    if opened.single:
        mentions, more = _of_item(desk, opened), None
    else:
        found = view.mentions.evidence(Wanted(opened.drug.id, opened.reaction.id), before, most)
        mentions, more = found.mentions, found.more
    texts = view.texts.of(mention.post_id for mention in mentions)
    told = _told(desk, opened, mentions)
    lines = []
    for mention in mentions:
        shown, counting = texts[mention.post_id], told.get(mention.post_id)
        pieces, reasons = _marked(mention, shown.post) if shown.post else ((), ())
        lines.append(
            Line(
                mention, mention.post_id.partition(":")[0], pieces, reasons, shown.missing,
                COUNTS[counting.why] if counting else None, counting is not None and counting.why == "counted",
                _at(desk, counting),
            )
        )  # fmt: skip
    return Shown(lines, more, not view.follower.state.caught_up.is_set())


def _of_item(desk: Desk, opened: Opened) -> list[Mention]:
    """The mentions by which an item was opened. Where the post was taken back there are none."""
    posts: Iterable[str] = opened.alert.examples if opened.alert else ()
    if not posts and opened.case is not None and opened.case.post is not None:
        posts = (opened.case.post,)
    pair = (opened.drug.id, opened.reaction.id)
    return [
        mention
        for post in posts
        for mention in desk.view.mentions.of_post(post)
        if (mention.drug.id, mention.reaction.id) == pair
    ]


def _told(desk: Desk, opened: Opened, mentions: Sequence[Mention]) -> dict[str, Told]:
    """What each report is to the alert's window; of one without a window, to all that is kept."""
    ledger = desk.view.reports.now().ledger
    pair = ledger.find_pair(opened.drug.id, opened.reaction.id)
    if pair == NONE or not mentions:
        return {}
    end = max(to_ms(mention.created_at) for mention in mentions) + 1
    start = 0
    if opened.alert is not None and opened.alert.window_hours is not None:
        until = to_ms(opened.alert.evaluated_at)
        start, end = until - opened.alert.window_hours * HOUR_MS, max(end, until)
    return {told.post_id: told for told in ledger.told(pair, start, end)}


def _at(desk: Desk, told: Told | None) -> datetime | None:
    if told is None or told.like_row is None:
        return None
    return from_ms(int(desk.view.reports.now().ledger.at[told.like_row]))


def _marked(mention: Mention, post: Post) -> tuple[Sequence[Piece], Sequence[str]]:
    drug, reaction = mention.drug_span, mention.reaction_span
    others = [one.span for one in default_lexicon().find(post.text) if not _over(one.span, (drug, reaction))]
    found = explain(post.text, drug, reaction, others)
    return found.pieces(post.text), found.reasons


def _over(span: Span, others: Iterable[Span]) -> bool:
    return any(span.start < other.end and other.start < span.end for other in others)
