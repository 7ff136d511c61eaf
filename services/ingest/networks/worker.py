"""The worker of live sources: one follower a source, until it is told to stop."""

from __future__ import annotations

import functools
import os
import threading
from collections.abc import Callable, Mapping
from datetime import timedelta

from services.ingest.accept import Limits, accept
from services.ingest.networks.batch import Batch
from services.ingest.networks.follow import Follower
from services.ingest.networks.keys import Drugs, SourceKeys
from services.ingest.networks.known import Known
from services.ingest.networks.network import Network
from shared import logs
from shared.broker import require_topics
from shared.errors import AdrwatchError
from shared.events import Published, now
from shared.settings import Settings
from shared.text.identity import author_hash, author_secret
from shared.threads import told_to_stop, work
from shared.topics import DEAD_LETTERS, DELETIONS, DRUG_NAMES, POSITIONS, POSTS, PUBLISHED
from shared.vocabulary.drugs import default_lexicon
from shared.vocabulary.live import LiveDrugs

log = logs.logger("sources")

# What a source reads and writes.
TOPICS = (POSTS, DELETIONS, DEAD_LETTERS, POSITIONS, PUBLISHED, DRUG_NAMES)


def run(settings: Settings, sources: Mapping[str, SourceKeys]) -> None:
    """Follow the sources until SIGTERM or SIGINT. Raises AdrwatchError for a missing topic, or where a source cannot go on.

    What was read is delivered first, within the grace of the settings; what was not is read again by the next start.
    """
    logs.configure("sources", settings.log_level)
    require_topics(settings, TOPICS)
    stop = told_to_stop()
    drugs = LiveDrugs(settings, default_lexicon(), stop)
    drugs.start()
    failed: list[str] = []

    def follow(follower: Follower) -> None:
        try:
            follower.run()
        except Exception as error:
            # The boundary of the thread: nothing is lost, for the position was not written.
            log.error("a source cannot go on", source=follower.name, error=type(error).__name__, exc_info=True)
            failed.append(follower.name)
            stop.set()

    threads = [
        threading.Thread(target=follow, args=[follower(name, one, settings, stop, drugs)], name=name, daemon=True)
        for name, one in sources.items()
    ]
    if not work(threads, stop, settings, log, sources=list(sources)):
        log.warning("a source still waits for the broker; leaving its posts to the next start")
        os._exit(1 if failed else 0)
    if failed:
        raise AdrwatchError(
            f"{', '.join(failed)} could not go on", fix="see the log; the next start goes on from there"
        )


def follower(name: str, source: SourceKeys, settings: Settings, stop: threading.Event, drugs: Drugs) -> Follower:
    """What follows one source, under its policy."""
    secret = author_secret(settings)
    hashed = functools.partial(author_hash, secret, name)
    limits = Limits(settings.max_post_chars, timedelta(seconds=settings.future_limit))
    policy, of_author = source.policy, functools.partial(author_hash, secret)
    known = Known(name, forgets_texts=source.text_days is not None)
    batch = Batch(
        known=known,
        accept=lambda raw: accept(raw, policy, limits, of_author, now()),
        monitored=lambda text: not source.screen or bool(drugs().find(text)),
        hashed=hashed,
    )
    followed = network(name, source, settings, drugs, known.sealed)
    return Follower(name, followed, batch, settings, stop, source.text_days, source.seal_days)


def network(
    name: str,
    source: SourceKeys,
    settings: Settings,
    drugs: Drugs = default_lexicon,
    sealed: Callable[[], list[Published]] = list,
) -> Network:
    """The network of a source, with the names it gives to posts and people; `sealed` gives what of it must be asked for.

    Raises AdrwatchError where a credential is missing.
    """
    return source.network(source.names(name, author_secret(settings), settings.future_limit, sealed), drugs)
