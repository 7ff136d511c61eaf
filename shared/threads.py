"""A worker whose parts are threads: they work until the process is told to stop, and then have a grace to finish."""

from __future__ import annotations

import gc
import os
import signal
import threading
import time
from collections.abc import Callable, Mapping, Sequence

from structlog.stdlib import BoundLogger

from shared.errors import AdrwatchError
from shared.health import HEALTH, LOOP_SECONDS
from shared.settings import Settings

# Records on their way to Kafka are hundreds of objects each, and none of them rubbish: with Python's own numbers (700, 10, 10) a
# quarter of the time of who sends many went into looking.
_YOUNG, _MIDDLE, _OLD = 50_000, 20, 100


def told_to_stop() -> threading.Event:
    """An event that SIGTERM and SIGINT set, for the process's main thread to ask for."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return stop


def keep_what_is_loaded() -> None:
    """What is loaded by now stays until the end: nobody need look through it for rubbish, while all threads stand still."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG, _MIDDLE, _OLD)


def work(
    threads: Sequence[threading.Thread], stop: threading.Event, settings: Settings, log: BoundLogger, **words: object
) -> bool:
    """Run daemon threads until `stop` is set; whether all ended within the grace of the settings after that.

    `words` go into the log's line of the start.
    """
    keep_what_is_loaded()
    for thread in threads:
        thread.start()
    HEALTH.started()
    log.info("worker starts", **words)
    # A wait without an end would not let the signal's handler run.
    while not stop.wait(1.0):
        HEALTH.turning(LOOP_SECONDS)
    log.info("worker stops")
    HEALTH.turning(settings.stop_grace + LOOP_SECONDS)
    deadline = time.monotonic() + settings.stop_grace
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    return not any(thread.is_alive() for thread in threads)


def work_off(
    parts: Mapping[str, Callable[[], None]], stop: threading.Event, settings: Settings, log: BoundLogger, late: str,
    **words: object,
) -> None:  # fmt: skip
    """Run the parts by name, a thread each, as `work` does. One that fails sets `stop`, for all are started again together.

    Ends the process, saying `late`, where a part does not end within the grace. Raises AdrwatchError where one could not go on.
    """
    failed: list[str] = []

    def guarded(name: str, part: Callable[[], None]) -> None:
        try:
            part()
        except Exception as error:
            # The boundary of the thread: nothing is lost, for what is not safe was not promised.
            log.error("a part cannot go on", failed=name, error=type(error).__name__, exc_info=True)
            failed.append(name)
            stop.set()

    threads = [threading.Thread(target=guarded, args=one, name=one[0], daemon=True) for one in parts.items()]
    if not work(threads, stop, settings, log, **words):
        log.warning(late)
        os._exit(1 if failed else 0)
    if failed:
        raise AdrwatchError(
            f"{', '.join(failed)} could not go on", fix="see the log; the next start goes on from there"
        )
