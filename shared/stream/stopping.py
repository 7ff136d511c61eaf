"""How a worker ends when it is told to."""

from __future__ import annotations

import os
import signal

import faust

from shared import logs
from shared.health import HEALTH, LOOP_SECONDS
from shared.stream.handover import Handover

log = logs.logger("worker")

LOOP = "event loop"


class StoppingWorker(faust.Worker):
    """Faust's, which keeps adrwatch's JSON logs, and leaves when the grace after a stop signal is over.

    A batch that waits when the signal comes is given up at once (`handover`). One in work may hang in a server. It is uncommitted
    and will be delivered again, so leaving without it is safe; waiting for ever is not.
    """

    stop_grace: float
    handover: Handover

    def _setup_logging(self) -> None:
        """Logging was configured before; Faust's own set-up would replace it."""

    def install_signal_handlers(self) -> None:
        """As Faust does, with an end."""
        super().install_signal_handlers()
        for number in (signal.SIGTERM, signal.SIGINT):
            self.loop.add_signal_handler(number, self._stop_within_grace)

    def _stop_within_grace(self) -> None:
        log.info("worker stops")
        # Timers end first; the batch in hand may take all of its grace.
        HEALTH.turning(self.stop_grace + LOOP_SECONDS, LOOP)
        self.handover.begin(last=True)
        self.loop.call_later(self.stop_grace, self._leave)
        self._on_sigterm()

    def _leave(self) -> None:
        log.warning("a batch is still in work; leaving it uncommitted")
        os._exit(0)
