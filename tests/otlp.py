"""A collector of traces for tests: takes OTLP over HTTP, decodes what it took."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.receivers import HttpReceiver, http_receiver


@dataclass(frozen=True)
class Seen:
    """A span as it came; ids in hexadecimal, `parent` empty for the first of a trace."""

    service: str
    name: str
    trace: str
    span: str
    parent: str
    failed: bool
    links: list[str] = field(default_factory=list)
    attributes: dict[str, Any] = field(default_factory=dict)


class Collector:
    def __init__(self, receiver: HttpReceiver) -> None:
        self.receiver = receiver
        self.url = receiver.url.removesuffix("/hook")

    def raw(self) -> bytes:
        """Everything that came, for a look at what must not be in it."""
        return b"\n".join(request.body for request in self.receiver.requests)

    def spans(self) -> list[Seen]:
        found = []
        for request in self.receiver.requests:
            for resource in ExportTraceServiceRequest.FromString(request.body).resource_spans:
                service = _plain(resource.resource.attributes)["service.name"]
                found += [
                    Seen(
                        service, one.name, one.trace_id.hex(), one.span_id.hex(), one.parent_span_id.hex(), one.status.code == 2,
                        [link.trace_id.hex() for link in one.links], _plain(one.attributes),
                    )
                    for scope in resource.scope_spans
                    for one in scope.spans
                ]  # fmt: skip
        return found


def _plain(attributes: Any) -> dict[str, Any]:
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in attributes}


@contextmanager
def collector() -> Iterator[Collector]:
    with http_receiver() as receiver:
        yield Collector(receiver)
