"""Whether the trail is whole: verified in a thread, as that takes as long as the trail is, and kept until somebody asks anew."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from services.cases.audit import Flaw
from shared.errors import AdrwatchError
from shared.events import now
from shared.logs import logger

log = logger("audit")
# A short trail is verified while somebody waits for the page.
_PATIENCE_SECONDS = 0.5
_FRESH = timedelta(hours=1)
# So many flaws are shown: with another key every row has one.
_SHOWN = 20


@dataclass(frozen=True)
class Proof:
    """What came of verifying `rows` rows. `trouble` is why that could not be done."""

    at: datetime
    rows: int = 0
    flaws: tuple[Flaw, ...] = ()
    many: int = 0
    trouble: AdrwatchError | None = None


class Verifier:
    """Verifies when asked to, one at a time."""

    def __init__(self, verify: Callable[[], tuple[int, list[Flaw]]]) -> None:
        self._verify = verify
        self._lock = threading.Lock()
        self._done = threading.Event()
        self._done.set()
        self._last: Proof | None = None

    def begin(self) -> None:
        """Verify anew, unless that is being done."""
        with self._lock:
            if self._done.is_set():
                self._done.clear()
                threading.Thread(target=self._run, name="verify-audit", daemon=True).start()

    def look(self) -> tuple[Proof | None, bool]:
        """What came of it last, and whether it is being done. Begun where nothing came of it within the hour."""
        last = self._last
        if last is None or now() - last.at > _FRESH:
            self.begin()
        running = not self._done.wait(_PATIENCE_SECONDS)
        return self._last, running

    def _run(self) -> None:
        try:
            rows, flaws = self._verify()
            self._last = Proof(now(), rows, tuple(flaws[:_SHOWN]), len(flaws))
        except AdrwatchError as error:
            self._last = Proof(now(), trouble=error)
        except Exception as error:  # noqa: BLE001 - the boundary of the thread: whoever looks is told
            log.error("the audit trail could not be verified", error=type(error).__name__)
            said = AdrwatchError("verifying failed in a way that nobody foresaw", fix="see the log of the dashboard")
            self._last = Proof(now(), trouble=said)
        finally:
            self._done.set()
