"""The worker of live sources: one follower a source, until it is told to stop."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from datetime import timedelta

from services.ingest.accept import Limits, accept
from services.ingest.networks.batch import Batch
from services.ingest.networks.follow import Follower
from services.ingest.networks.gone import Gone
from services.ingest.networks.keys import Drugs, Names, SourceKeys
from services.ingest.networks.known import Known
from services.ingest.networks.network import Network
from shared import health_port, logs, rights, traces
from shared.broker import require_topics
from shared.broker_watch import watch
from shared.events import now
from shared.keyring import Keys, LiveKeyring, keyring
from shared.settings import Settings
from shared.threads import told_to_stop, work_off
from shared.topics import DEAD_LETTERS, DELETIONS, DRUG_NAMES, FORGOTTEN, POSITIONS, POSTS, PUBLISHED
from shared.vocabulary.drugs import default_lexicon
from shared.vocabulary.live import LiveDrugs

log = logs.logger("sources")

# What a source reads and writes.
TOPICS = (POSTS, DELETIONS, FORGOTTEN, DEAD_LETTERS, POSITIONS, PUBLISHED, DRUG_NAMES)


def run(settings: Settings, sources: Mapping[str, SourceKeys]) -> None:
    """Follow the sources until SIGTERM or SIGINT.

    Raises AdrwatchError for author secrets that cannot be used, for a missing topic, or where a source cannot go on.
    What was read is delivered first, within the grace of the settings; what was not is read again by the next start.
    """
    # What is wrong with the secrets is said before anything is begun.
    keys = LiveKeyring(settings)
    logs.configure("sources", settings.log_level)
    traces.configure("sources", settings)
    health_port.serve("sources", settings)
    watch(settings, POSITIONS)
    require_topics(settings, TOPICS)
    rights.check(settings, "sources")
    stop = told_to_stop()
    drugs = LiveDrugs(settings, default_lexicon(), stop)
    drugs.start()
    gone = Gone(settings, sources, stop)
    gone.start()
    followers = {name: follower(name, one, settings, stop, drugs, keys, gone) for name, one in sources.items()}
    work_off(
        {name: one.run for name, one in followers.items()},
        stop, settings, log, "a source still waits for the broker; leaving its posts to the next start", sources=list(sources),
    )  # fmt: skip


def follower(
    name: str, source: SourceKeys, settings: Settings, stop: threading.Event, drugs: Drugs, keys: Keys, gone: Gone
) -> Follower:
    """What follows one source, under its policy. Raises AdrwatchError where a credential is missing."""
    batch, names = taken_in(name, source, settings, drugs, keys, gone)
    return Follower(name, source.network(names, drugs), batch, settings, stop, source.text_limit, source.seal_days)


def taken_in(
    name: str, source: SourceKeys, settings: Settings, drugs: Drugs, keys: Keys, gone: Gone
) -> tuple[Batch, Names]:
    """What takes items of a source in, under its policy, and the names that it knows; nothing is known yet."""
    limits = Limits(settings.max_post_chars, timedelta(seconds=settings.future_limit))
    policy = source.policy
    known = Known(name, forgets_texts=source.text_limit is not None)
    # One that was taken back keeps the name by which that is known, also under another author secret.
    names = source.names(
        name, keys, settings.future_limit, known.sealed, lambda post_id: post_id in gone or batch.knows(post_id)
    )
    batch = Batch(
        known=known,
        accept=lambda raw: accept(raw, policy, limits, lambda _, account: names.author(account), now()),
        monitored=lambda text: not source.screen or bool(drugs().find(text)),
        hashed=names.authors,
        taken_back=gone,
        withholds=policy.aggregates_only,
    )
    return batch, names


def network(name: str, source: SourceKeys, settings: Settings) -> Network:
    """The network of a source, to be looked at only. Raises AdrwatchError where a credential or the author secret is missing."""
    found = keyring(settings)
    return source.network(source.names(name, lambda: found, settings.future_limit), default_lexicon)
