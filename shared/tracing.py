"""OpenTelemetry spans of one worker, on their way to a collector by OTLP over HTTP. Used by way of `shared.traces`.

The provider is not made the process's own: libraries that look for one there would add spans with addresses and queries.
"""

from __future__ import annotations

import atexit
import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanLimits, TracerProvider
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace import Link, Span, SpanContext, SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from shared.settings import Settings
from shared.span_outbox import SpanOutbox
from shared.stream.batches import Record
from shared.topics import Topic
from shared.traces import TRACEPARENT, Headers

Attribute = str | int
_Place = tuple[str, int, int]

_W3C = TraceContextTextMapPropagator()
# Of a batch: one for each of its records.
_MOST_LINKS = 1024


class Tracing:
    """Makes the spans of one worker."""

    def __init__(self, service: str, settings: Settings) -> None:
        self._prefix = settings.topic_prefix
        resource = Resource.create(
            {"service.name": f"adrwatch-{service}", "service.namespace": settings.topic_prefix,
             "service.instance.id": settings.worker_id}
        )  # fmt: skip
        # Its own words about a collector that is away would come with every batch.
        logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)
        self._outbox = SpanOutbox(f"{str(settings.traces_endpoint).rstrip('/')}/v1/traces")
        provider = TracerProvider(
            sampler=ParentBased(TraceIdRatioBased(settings.traces_ratio)),
            resource=resource,
            shutdown_on_exit=False,
            span_limits=SpanLimits(max_links=_MOST_LINKS),
        )
        provider.add_span_processor(self._outbox)
        self._tracer = provider.get_tracer("adrwatch")
        self._spans: ContextVar[Mapping[_Place, Span] | None] = ContextVar("adrwatch-spans", default=None)
        atexit.register(self.close)

    def close(self) -> None:
        """Hand out what waits, for some seconds at most."""
        self._outbox.shutdown()
        atexit.unregister(self.close)

    def created(self, topic: Topic) -> Headers:
        """See `traces.created`."""
        name = topic.name(self._prefix)
        span = self._tracer.start_span(f"create {name}", Context(), SpanKind.PRODUCER, _messaging("create", name))
        span.end()
        return _headers(span)

    @contextmanager
    def batch(self, stage: str, records: Sequence[Record]) -> Iterator[None]:
        """See `traces.batch`. The batch belongs to the trace of its first sampled record."""
        sampled = [(record, found) for record in records if (found := _parent(record.headers)) is not None]
        if not sampled:
            yield
            return
        spans: dict[_Place, Span] = {}
        for record, parent in sampled:
            attributes = _messaging("process", record.topic) | {
                "messaging.destination.partition.id": str(record.partition), "adrwatch.stage": stage,
            }  # fmt: skip
            name = f"process {record.topic}"
            spans[_place(record)] = self._tracer.start_span(name, _below(parent), SpanKind.CONSUMER, attributes)
        first = next(iter(spans.values()))
        together = self._tracer.start_span(
            f"batch {stage}",
            trace.set_span_in_context(first, Context()),
            attributes={"adrwatch.stage": stage, "messaging.batch.message_count": len(records)},
            links=[Link(parent) for _, parent in sampled],
        )
        for span in spans.values():
            span.add_link(together.get_span_context())
        token = self._spans.set(spans)
        try:
            with _within(together):
                yield
        finally:
            self._spans.reset(token)
            for span in spans.values():
                span.end()

    def onward(self, record: Record) -> Headers:
        """See `traces.onward`."""
        span = (self._spans.get() or {}).get(_place(record))
        return () if span is None else _headers(span)

    def outcome(self, record: Record, word: str) -> None:
        """See `traces.outcome`."""
        if (span := (self._spans.get() or {}).get(_place(record))) is not None:
            span.set_attribute("adrwatch.outcome", word)

    @contextmanager
    def message(
        self, name: str, headers: Sequence[tuple[str, bytes]], attributes: Mapping[str, Attribute]
    ) -> Iterator[None]:
        """See `traces.message`."""
        if (parent := _parent(headers)) is None:
            yield
            return
        span = self._tracer.start_span(name, _below(parent), SpanKind.CONSUMER, _named(attributes))
        with _within(span):
            yield

    @contextmanager
    def root(self, name: str) -> Iterator[None]:
        """See `traces.root`."""
        with _within(self._tracer.start_span(name, Context())):
            yield

    @contextmanager
    def call(self, name: str, sends: bool, attributes: Mapping[str, Attribute]) -> Iterator[None]:
        """See `traces.call`."""
        if not trace.get_current_span().is_recording():
            yield
            return
        kind = SpanKind.PRODUCER if sends else SpanKind.CLIENT
        with _within(self._tracer.start_span(name, kind=kind, attributes=_named(attributes))):
            yield

    def current(self) -> Headers:
        """See `traces.current`."""
        return _headers(trace.get_current_span())

    def ids(self) -> dict[str, str]:
        """See `traces.ids`."""
        span = trace.get_current_span()
        if not span.is_recording():
            return {}
        context = span.get_span_context()
        return {"trace_id": trace.format_trace_id(context.trace_id), "span_id": trace.format_span_id(context.span_id)}


@contextmanager
def _within(span: Span) -> Iterator[None]:
    """Be inside a span until its end. Of an error it keeps the name of the class: messages may quote what was handled."""
    with trace.use_span(span, end_on_exit=True, record_exception=False, set_status_on_exception=False):
        try:
            yield
        except BaseException as error:
            span.set_status(Status(StatusCode.ERROR))
            span.set_attribute("error.type", type(error).__name__)
            raise


def _parent(headers: Sequence[tuple[str, bytes]]) -> SpanContext | None:
    """The sampled span that a message comes from; None where there is none, or what says so cannot be read."""
    for name, value in headers:
        if name == TRACEPARENT:
            carrier = {TRACEPARENT: (value or b"").decode(errors="replace")}
            found = trace.get_current_span(_W3C.extract(carrier, Context())).get_span_context()
            return found if found.is_valid and found.trace_flags.sampled else None
    return None


def _below(parent: SpanContext) -> Context:
    return trace.set_span_in_context(trace.NonRecordingSpan(parent), Context())


def _headers(span: Span) -> Headers:
    if not span.get_span_context().trace_flags.sampled:
        return ()
    carrier: dict[str, str] = {}
    _W3C.inject(carrier, trace.set_span_in_context(span, Context()))
    return ((TRACEPARENT, carrier[TRACEPARENT].encode()),)


def _place(record: Record) -> _Place:
    return record.topic, record.partition, record.offset


def _messaging(operation: str, topic: str) -> dict[str, Attribute]:
    return {"messaging.system": "kafka", "messaging.operation.name": operation, "messaging.operation.type": operation,
            "messaging.destination.name": topic}  # fmt: skip


def _named(attributes: Mapping[str, Attribute]) -> dict[str, Attribute]:
    return {name.replace("_", "."): value for name, value in attributes.items()}
