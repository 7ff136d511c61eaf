"""The alerting worker: its agents and its periodic task, put together."""

from __future__ import annotations

from services.alerting.clock import EventClock
from services.alerting.count import Counter
from services.alerting.evaluate import Evaluator
from services.alerting.forget import Forgetter
from services.alerting.link import RedisLink
from services.alerting.rows import RowStore
from services.alerting.singles import SingleReports
from services.alerting.upstream import PipelineProgress
from services.alerting.watermark import Idleness
from shared.redis_keys import Keys
from shared.settings import Settings
from shared.signals.rules import load_rules
from shared.stream import Worker
from shared.topics import DELETIONS, MENTIONS, OUTCOMES


def build(settings: Settings) -> Worker:
    """A worker of the group of alerting; its `run` blocks. Raises AdrwatchError for wrong rules or a missing address."""
    rules = load_rules(settings.rules_file)
    link = RedisLink(settings.require("redis_url"))
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
    worker.app.on_before_shutdown.connect(lambda *_, **__: upstream.close())
    worker.every(settings.evaluate_every, Evaluator(link, store, rules, worker, clock).tick, name="evaluate")
    return worker
