"""Which posts are an author's, and what a post of a network is called here: for people who ask that something is forgotten."""

from __future__ import annotations

import re

from services.ingest.delete import check_ids
from shared.broker import TopicReader
from shared.errors import AdrwatchError, BadMessage
from shared.events import Event, Outcome, Post, Published, decode
from shared.keyring import keyring
from shared.settings import Settings
from shared.text.identity import post_hash
from shared.topics import OUTCOMES, POSTS, PUBLISHED, Topic

_HASH = re.compile(r"[0-9a-f]{32}")
# Where a post names its author: before the pipeline has read it, after, and for as long as deletions at a network must find it.
_PLACES: tuple[tuple[Topic, type[Event]], ...] = ((POSTS, Post), (OUTCOMES, Outcome), (PUBLISHED, Published))


def posts_of(settings: Settings, authors: list[str]) -> list[str]:
    """The ids of all posts of authors, given by keyed hash, that any topic knows.

    Raises AdrwatchError for what is no hash, and for an author of whom no post is known; DependencyAway without the broker.
    """
    for author in authors:
        if not _HASH.fullmatch(author):
            raise AdrwatchError(
                "an author is no keyed hash", fix="give the 32 digits that adr.outcomes has for the author"
            )
    found: dict[str, dict[str, None]] = {author: {} for author in authors}
    needles = {author.encode(): author for author in found}
    for topic, kind in _PLACES if authors else ():
        with TopicReader(settings, topic) as reader:
            for record in reader.to_end():
                # Most records are of others: these are not decoded.
                if record.value is None or not any(needle in record.value for needle in needles):
                    continue
                try:
                    event = decode(record.value, kind)
                except BadMessage:
                    continue
                if isinstance(event, Post | Outcome | Published) and event.author in found:
                    found[event.author][event.post_id if isinstance(event, Outcome) else event.id] = None
    for author, posts in found.items():
        if not posts:
            raise AdrwatchError(
                f"no post of the author {author} is known",
                fix="an author has another hash at each source, and with each author secret",
            )
    return list(dict.fromkeys(post for posts in found.values() for post in posts))


def hashed_ids(settings: Settings, addresses: list[str]) -> list[str]:
    """The ids that posts of networks may have here where their addresses are hashed (`identifiers` is `hmac` or `drop`).

    An address is `source:address at the network`; it makes an id with each author secret.

    Raises AdrwatchError for another form, or where the author secrets cannot be read.
    """
    if not addresses:
        return []
    secrets = keyring(settings).secrets
    parts = [one.partition(":") for one in check_ids(addresses)]
    return [f"{source}:{post_hash(secret, source, native)}" for source, _, native in parts for secret in secrets]
