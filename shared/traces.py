"""Traces that follow a post through Kafka headers, as the workers see them: thin calls that do nothing while traces are off.

A post is sampled once, where it enters. The messages of a sampled one carry a W3C `traceparent`, and who reads them goes on with
its trace; those of all others carry nothing more than before. Spans hold stages, topics, counts and versions: no text, author,
key or offset. Where only aggregates may be kept of a post it never has a trace: the exact times of its spans would tell it apart.

What makes the spans is `shared.tracing`, which is loaded only where ADRWATCH_TRACES_ENDPOINT is set.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

from shared.settings import Settings

if TYPE_CHECKING:
    from shared.stream.batches import Record
    from shared.topics import Topic
    from shared.tracing import Attribute, Tracing

# https://www.w3.org/TR/trace-context/; in Kafka by the semantic conventions of OpenTelemetry for messaging.
TRACEPARENT = "traceparent"
Headers = tuple[tuple[str, bytes], ...]

_OFF: AbstractContextManager[None] = nullcontext()
_tracing: Tracing | None = None


def configure(service: str, settings: Settings) -> None:
    """Begin to trace in this process, under the name of its worker, where the settings name a collector."""
    global _tracing
    if settings.traces_endpoint is None or _tracing is not None:
        return
    from shared.tracing import Tracing

    _tracing = Tracing(service, settings)


def stop() -> None:
    """Hand out what waits, for some seconds at most, and trace no more."""
    global _tracing
    if _tracing is not None:
        _tracing.close()
        _tracing = None


def created(topic: Topic) -> Headers:
    """Headers for a message that enters by this process; none unless it is sampled."""
    return () if _tracing is None else _tracing.created(topic)


def batch(stage: str, records: Sequence[Record]) -> AbstractContextManager[None]:
    """A micro-batch is handled inside: a span for each sampled record, and one for the batch that links to all of them."""
    return _OFF if _tracing is None else _tracing.batch(stage, records)


def onward(record: Record) -> Headers:
    """Headers for what is made of a record of the current batch."""
    return () if _tracing is None else _tracing.onward(record)


def outcome(record: Record, word: str) -> None:
    """Note what became of a record of the current batch, in a word such as `negative`."""
    if _tracing is not None:
        _tracing.outcome(record, word)


def message(name: str, headers: Sequence[tuple[str, bytes]], **attributes: Attribute) -> AbstractContextManager[None]:
    """One message is handled inside, if it belongs to a trace."""
    return _OFF if _tracing is None else _tracing.message(name, headers, attributes)


def root(name: str) -> AbstractContextManager[None]:
    """Work that no single post asks for is done inside: a trace of its own, sampled like a post."""
    return _OFF if _tracing is None else _tracing.root(name)


def call(name: str, *, sends: bool = False, **attributes: Attribute) -> AbstractContextManager[None]:
    """A server is asked inside (with `sends`: Kafka). A span only below another one; `rpc_system` stands for `rpc.system`."""
    return _OFF if _tracing is None else _tracing.call(name, sends, attributes)


def current() -> Headers:
    """Headers for what is sent from inside the current span."""
    return () if _tracing is None else _tracing.current()


def ids() -> dict[str, str]:
    """`trace_id` and `span_id` of the current span, for a line of a log."""
    return {} if _tracing is None else _tracing.ids()


def without(headers: Headers) -> Headers:
    """The headers of a message that must belong to no trace."""
    return tuple(header for header in headers if header[0] != TRACEPARENT)
