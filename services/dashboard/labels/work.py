"""Labelling as the page and the API do it: which post is next for somebody, and what they say of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from services.cases.labels import Label, Labels, Marked, by_post
from services.dashboard.access.rights import Person
from services.dashboard.desk import Desk
from services.dashboard.labels.draw import Drawn, waiting
from services.dashboard.view.texts import Missing
from shared.errors import AdrwatchError, DependencyAway
from shared.events import Post

# So many posts are looked at for one whose text is there.
_TRIED = 20
# Where the text may well be there, but cannot be had now.
_LATER = (Missing.NO_ANSWER, Missing.NOT_READ_YET, Missing.DELETIONS_UNKNOWN)


@dataclass(frozen=True)
class Offered:
    """A post for somebody to label."""

    drawn: Drawn
    post: Post


def labels_of(desk: Desk) -> Labels:
    """All labels, and the trail in which they stand."""
    return Labels(desk.database, desk.trail)


def offered(desk: Desk, who: Person, labels: Sequence[Label]) -> tuple[Offered | None, int]:
    """What this person is to label next, and how many are left; that it was shown stands in the trail.

    Raises AdrwatchError and DependencyAway where it cannot.
    """
    left = waiting(desk.review.all(), by_post(labels), who.name, desk.review.skipped(who.name))
    found = _first(desk, left)
    if found is not None:
        labels_of(desk).shown(found.drawn.hash, who.name)
    return found, len(left)


def keep(desk: Desk, who: Person, post: str, said: int, spans: Sequence[Marked]) -> None:
    """Keep what somebody said of a post, by its hash; spans count only where it reports a reaction.

    Raises AdrwatchError for a post that is not in the queue or has no text, and for spans outside it.
    """
    found = desk.review.get(post)
    if found is None:
        raise AdrwatchError("this post is no longer in the queue", fix="go on with the next one")
    text = desk.view.texts.of([found.post])[found.post].post
    if text is None:
        raise AdrwatchError("the text of this post is no longer there", fix="go on with the next one")
    if any(not 0 <= one.start < one.end <= len(text.text) for one in spans):
        raise AdrwatchError("a mark lies outside the text", fix="load the post again")
    marked = tuple(sorted(set(spans), key=lambda one: (one.start, one.end, one.type))) if said else ()
    labels_of(desk).put(Label(post, who.name, said, marked, found.sampled, found.probability))


def _first(desk: Desk, left: Sequence[Drawn]) -> Offered | None:
    """The first whose text is there. Raises DependencyAway where it cannot be asked for."""
    found = desk.view.texts.of(one.post for one in left[:_TRIED])
    for one in left[:_TRIED]:
        shown = found[one.post]
        if shown.missing in _LATER:
            raise DependencyAway("the texts of posts cannot be read at the moment", fix="try again in some seconds")
        if shown.post is not None:
            return Offered(one, shown.post)
        # Its text does not come back.
        desk.review.drop(one.hash)
    return None
