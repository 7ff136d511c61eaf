"""Spans on their way to a collector that may be away: a bounded queue, counted losses, one line in the log when that changes."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

from shared import logs, metrics
from shared.settings import plain_address

log = logs.logger("traces")

_MOST_WAITING = 2048
_AT_ONCE = 512
_DELAY_MS = 1000
# Of one request, tries included: a worker that stops waits for it.
_TIMEOUT_SECONDS = 2.0


class SpanOutbox(SpanProcessor):
    """Takes spans as they end and sends them from a thread of its own; never waits, never raises."""

    def __init__(self, url: str) -> None:
        self._exporter = _Exporter(url)
        # Its own limit is never reached, because it drops without a count.
        self._queue = BatchSpanProcessor(
            self._exporter,
            max_queue_size=_MOST_WAITING + _AT_ONCE,
            schedule_delay_millis=_DELAY_MS,
            max_export_batch_size=_AT_ONCE,
            export_timeout_millis=_TIMEOUT_SECONDS * 1000,
        )

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Nothing is to be done."""

    def on_end(self, span: ReadableSpan) -> None:
        """Queue the span, or count it as dropped."""
        if self._exporter.take_in():
            self._queue.on_end(span)
        else:
            metrics.SPANS.labels("dropped").inc()

    def shutdown(self) -> None:
        """Send what waits if the collector is there; a request that is on its way is waited for."""
        self._exporter.leaving = True
        self._queue.shutdown()  # type: ignore[no-untyped-call]

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Send what waits."""
        return self._queue.force_flush(timeout_millis)


class _Exporter(SpanExporter):
    def __init__(self, url: str) -> None:
        self.leaving = False
        self._url = url
        self._inner = OTLPSpanExporter(url, timeout=_TIMEOUT_SECONDS)
        self._lock = threading.Lock()
        self._waiting = 0
        self._away = False

    def take_in(self) -> bool:
        """Whether there is room for one more span."""
        with self._lock:
            room = self._waiting < _MOST_WAITING
            self._waiting += room
        return room

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send spans. Once the process leaves, a collector that was away is not waited for again."""
        if self.leaving and self._away:
            result = SpanExportResult.FAILURE
        else:
            try:
                result = self._inner.export(spans)
            except Exception:  # noqa: BLE001 - whatever is wrong with a collector is no reason to miss the count below
                result = SpanExportResult.FAILURE
        with self._lock:
            self._waiting -= len(spans)
        done = result is SpanExportResult.SUCCESS
        metrics.SPANS.labels("sent" if done else "lost").inc(len(spans))
        if self._away == done:
            self._away = not done
            if done:
                log.info("the collector of traces answers again")
            else:
                log.warning(
                    "the collector of traces does not take spans; they are lost until it does",
                    url=plain_address(self._url),
                )
        return result

    def shutdown(self) -> None:
        """Let the connection go."""
        self._inner.shutdown()  # type: ignore[no-untyped-call]
