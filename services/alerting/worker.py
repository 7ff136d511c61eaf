"""The alerting worker: its agents and its periodic task, put together."""

from __future__ import annotations

import msgspec
import tenacity

from services.alerting.clock import EventClock
from services.alerting.close import Closer
from services.alerting.count import Counter
from services.alerting.evaluate import Evaluator
from services.alerting.forget import Forgetter
from services.alerting.link import REDIS, REDIS_FIX, RedisLink
from services.alerting.rebuild import recover
from services.alerting.rows import RowStore
from services.alerting.singles import SingleReports
from services.alerting.upstream import PipelineProgress
from services.alerting.watermark import Idleness
from shared.errors import passes
from shared.health import HEALTH
from shared.logs import configure, logger
from shared.redis_keys import Keys
from shared.settings import Settings
from shared.signals.rules import Rules, load_rules
from shared.stream.worker import Worker
from shared.topics import CLOSURES, DELETIONS, MENTIONS, OUTCOMES

log = logger("alerting")


def build(settings: Settings) -> Worker:
    """A worker of the group of alerting; its `run` blocks. Makes the windows anew where Redis has lost them.

    Raises AdrwatchError for wrong rules or a missing address.
    """
    rules = load_rules(settings.rules_file)
    HEALTH.needs(REDIS, REDIS_FIX)
    _recover(settings, rules)
    link = RedisLink.of(settings)
    worker = Worker("alerting", settings)
    store = RowStore(link, Keys(settings.redis_prefix), rules)
    idleness = Idleness(rules.time.idle_seconds.value)
    upstream = PipelineProgress(settings)
    clock = EventClock(link, store.keys, rules, worker, idleness, upstream)
    counter = Counter(store, idleness, clock.kept_from, settings.future_limit)
    singles = SingleReports(link, store.keys, rules, worker.send)
    worker.batch_agent(OUTCOMES, counter.handle, stage="windows")
    worker.batch_agent(MENTIONS, singles.handle, stage="single-reports")
    worker.batch_agent(DELETIONS, Forgetter(link, store, worker.send).handle, stage="deletions")
    worker.batch_agent(CLOSURES, Closer(link, store.keys).handle, stage="closures")
    worker.app.on_before_shutdown.connect(lambda *_, **__: upstream.close())
    worker.every(settings.evaluate_every, Evaluator(link, store, rules, worker, clock).tick, name="evaluate")
    return worker


def _recover(settings: Settings, rules: Rules) -> None:
    """Wait for Redis and the broker, and make the windows anew if Redis has lost them."""
    configure("alerting", settings.log_level)
    again = tenacity.Retrying(
        retry=tenacity.retry_if_exception(passes),
        wait=tenacity.wait_exponential_jitter(settings.retry_first, settings.retry_most),
        before_sleep=lambda state: log.warning(
            "Redis or the broker is away, trying again", error=str(state.outcome and state.outcome.exception())
        ),
    )
    for attempt in again:
        with attempt:
            found = recover(settings, rules, lambda text: log.info("rebuild", step=text))
            if found is not None:
                log.warning(
                    "Redis had lost the windows, or partitions were raised: they are made anew",
                    **msgspec.structs.asdict(found),
                )
