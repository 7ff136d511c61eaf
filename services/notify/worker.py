"""The worker of notifications: one courier a channel, until it is told to stop."""

from __future__ import annotations

import os
import threading

from services.notify.channels import open_channel
from services.notify.configuration import Notifiers, load
from services.notify.courier import Courier
from services.notify.ledger import Ledger
from shared import health_port, logs, rights, traces
from shared.broker import TopicReader, require_topics
from shared.broker_watch import Bounds, watch
from shared.events import ChannelState
from shared.settings import Settings
from shared.threads import told_to_stop, work
from shared.topics import ALERTS, CHANNELS, DEAD_LETTERS, NOTIFIED

log = logs.logger("notify")


def run(settings: Settings) -> None:
    """Notify until SIGTERM or SIGINT. Raises AdrwatchError for what is wrong in the notifiers file, or a missing topic.

    A message that is on its way is finished first, within the grace of the settings; after it, the message is left
    uncommitted and will be sent by the next start.
    """
    logs.configure("notify", settings.log_level)
    traces.configure("notify", settings)
    health_port.serve("notify", settings)
    notifiers = load(settings)
    require_topics(settings, [ALERTS, NOTIFIED, CHANNELS, DEAD_LETTERS])
    rights.check(settings, "notify")
    stop = told_to_stop()
    with Ledger(settings) as ledger:
        begin(settings, notifiers, ledger)
        couriers = [
            Courier(name, channel, open_channel(channel, settings), notifiers.link, settings, ledger, stop)
            for name, channel in notifiers.channels.items()
        ]

        def tell(bounds: Bounds) -> None:
            for _, end in bounds.values():
                for courier in couriers:
                    courier.note_lag(end)

        watch(settings, ALERTS, tell)
        threads = [threading.Thread(target=courier.run, name=courier.name, daemon=True) for courier in couriers]
        if not work(threads, stop, settings, log, worker=settings.worker_id, channels=len(threads)):
            log.warning("a channel still waits; leaving its message uncommitted")
            os._exit(0)


def begin(settings: Settings, notifiers: Notifiers, ledger: Ledger) -> None:
    """Note where channels begin that never ran: before the worker says that it is ready, so that no later alert is missed."""
    new = [name for name in notifiers.channels if ledger.state(name) is None]
    if not new:
        return
    with TopicReader(settings, ALERTS) as alerts:
        end = alerts.ends()[0]
    ledger.write(
        *(ChannelState(channel=name, began=end if notifiers.channels[name].start == "now" else 0) for name in new)
    )
