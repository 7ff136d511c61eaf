"""Traces: what goes on with a post, what never does, and a collector that is away."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

import numpy as np
import pytest
from msgspec.structs import replace
from tritonclient.grpc import InferResult, service_pb2

from services.ingest.publish import post_message
from services.pipeline import inference
from shared import logs, metrics, traces
from shared.errors import AdrwatchError, BadMessage
from shared.events import Post, Terms, encode
from shared.models import extractor
from shared.settings import load
from shared.stream import BatchResult, Output, Record
from shared.stream.batches import BatchRunner
from shared.topics import OUTCOMES, POSTS, VERSION_HEADER
from shared.triton_security import TritonAddress
from tests.otlp import Collector, collector

POST = Post(id="forum:17", source="forum", text="a quokka", created_at=datetime(2026, 3, 1, tzinfo=UTC),
            ingested_at=datetime(2026, 3, 1, tzinfo=UTC))  # fmt: skip


@pytest.fixture
def found() -> Iterator[Collector]:
    with collector() as made:
        yield made
        traces.stop()


def begin(found: Collector, ratio: float = 1.0) -> None:
    traces.configure("test", load(traces_endpoint=found.url, traces_ratio=ratio))


def record(offset: int, headers: Sequence[tuple[str, bytes]] = ()) -> Record:
    return Record("adr.posts", 0, offset, b"forum:17", encode(POST), ((VERSION_HEADER, b"1"), *headers))


async def run(records: list[Record], refuse: bool = False) -> list[Output]:
    sent: list[Output] = []

    async def handle(given: list[Record]) -> BatchResult:
        if refuse:
            return BatchResult(bad=[(one, BadMessage("no", "no")) for one in given])
        with traces.call("infer model", rpc_system="grpc"):
            pass
        return BatchResult([Output(OUTCOMES, "k", b"v", headers=traces.onward(one)) for one in given])

    async def send(outputs: Sequence[Output]) -> None:
        sent.extend(outputs)

    await BatchRunner("stage", handle, send, retry_first=0.1, retry_most=0.1).run(records)
    return sent


async def test_each_sampled_post_of_a_batch_goes_on_in_its_own_trace_and_the_batch_links_to_all(
    found: Collector,
) -> None:
    begin(found)
    first, second = traces.created(POSTS), traces.created(POSTS)
    sent = await run([record(1), record(2, first), record(3, second)])
    traces.stop()
    spans = found.spans()
    ids = [header[0][1].decode().split("-")[1] for header in (first, second)]
    assert ids[0] != ids[1]
    assert [[value.decode().split("-")[1] for _, value in output.headers] for output in sent] == [
        [],
        [ids[0]],
        [ids[1]],
    ]
    assert sorted(one.trace for one in spans if one.name == "process adr.posts") == sorted(ids)
    [batch] = [one for one in spans if one.name == "batch stage"]
    assert (batch.trace, batch.links) == (ids[0], ids)
    assert batch.attributes["messaging.batch.message_count"] == 3
    [infer] = [one for one in spans if one.name == "infer model"]
    assert (infer.trace, infer.parent) == (ids[0], batch.span)
    assert {one.service for one in spans} == {"adrwatch-test"}
    parents = {output.headers[0][1].decode().split("-")[2] for output in sent if output.headers}
    assert parents == {one.span for one in spans if one.name == "process adr.posts"}


async def test_a_refused_post_keeps_its_trace_in_its_dead_letter(found: Collector) -> None:
    begin(found)
    made = traces.created(POSTS)
    [letter] = await run([record(1, made)], refuse=True)
    assert letter.headers == ((VERSION_HEADER, b"1"), *made)


async def test_at_ratio_nought_nothing_is_traced_and_no_message_has_a_header_more(found: Collector) -> None:
    begin(found, ratio=0.0)
    assert post_message(POST, "adr").headers == []
    sent = await run([record(1), record(2, [(traces.TRACEPARENT, b"\xff no trace")])])
    with traces.root("evaluate"), traces.call("redis"):
        assert traces.current() == ()
        assert traces.ids() == {}
    traces.stop()
    assert [output.headers for output in sent] == [(), ()]
    assert found.raw() == b""


def test_a_post_of_which_only_aggregates_may_be_kept_has_no_trace(found: Collector) -> None:
    begin(found)
    closed = replace(POST, terms=Terms(aggregates_only=True))
    assert post_message(closed, "adr").headers == []
    assert [name for name, _ in post_message(POST, "adr").headers] == [traces.TRACEPARENT]
    assert traces.without(record(1, traces.created(POSTS)).headers) == ((VERSION_HEADER, b"1"),)


async def test_a_call_of_triton_carries_its_span_and_none_where_nothing_is_traced(
    found: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[dict[str, str] | None] = []

    class Client:
        def __init__(self, *_: object, **__: object) -> None:
            pass

        async def infer(self, *_: object, headers: dict[str, str] | None, **__: object) -> InferResult:
            told.append(headers)
            response = service_pb2.ModelInferResponse()
            response.outputs.add(name=extractor.OUTPUT, datatype="FP32", shape=[1, 2, 3])
            response.raw_output_contents.append(bytes(4 * 2 * 3))
            return InferResult(response)

    monkeypatch.setattr(inference, "InferenceServerClient", Client)
    triton = inference.Triton(TritonAddress("127.0.0.1:1"), 3, {})
    post = {"input_ids": np.zeros((1, 2), dtype=np.int32)}
    await triton.infer(extractor.NAME, post)
    begin(found)
    await triton.infer(extractor.NAME, post)
    with traces.root("work"):
        await triton.infer(extractor.NAME, post)
    traces.stop()
    [span] = [one for one in found.spans() if one.name == "infer adr_ner"]
    before, unsampled, headers = told
    assert (before, unsampled) == (None, None)
    assert headers is not None
    assert headers["traceparent"].startswith(f"00-{span.trace}-{span.span}-")
    assert span.attributes == {"rpc.system": "grpc", "adrwatch.model": "adr_ner", "adrwatch.model.version": 3}


def test_an_error_is_known_by_its_class_and_not_by_its_words(found: Collector) -> None:
    begin(found)
    with pytest.raises(ValueError, match="quokka"), traces.root("work"):
        raise ValueError("a quokka")
    traces.stop()
    [span] = found.spans()
    assert (span.failed, span.attributes["error.type"]) == (True, "ValueError")
    assert b"quokka" not in found.raw()


def test_a_line_of_the_log_names_the_span_that_is_recording(
    found: Collector, capsys: pytest.CaptureFixture[str]
) -> None:
    begin(found)
    logs.configure("test", "INFO")
    log = logs.logger("test")
    with traces.root("work"):
        log.info("inside")
    log.info("outside")
    traces.stop()
    inside, outside = map(json.loads, capsys.readouterr().err.splitlines())
    [span] = found.spans()
    assert (inside["trace_id"], inside["span_id"]) == (span.trace, span.span)
    assert "trace_id" not in outside


def test_spans_for_a_collector_that_is_away_are_bounded_counted_and_told_of_once(
    found: Collector, capsys: pytest.CaptureFixture[str]
) -> None:
    found.receiver.stop()
    logs.configure("test", "INFO")
    before = {word: metrics.SPANS.labels(word)._value.get() for word in ("sent", "lost", "dropped")}
    begin(found)
    for _ in range(5_000):
        traces.created(POSTS)
    traces.stop()
    counts = {word: metrics.SPANS.labels(word)._value.get() - before[word] for word in before}
    assert counts["sent"] == 0
    assert counts["dropped"] > 0
    assert counts["lost"] + counts["dropped"] == 5_000
    assert [json.loads(line)["event"] for line in capsys.readouterr().err.splitlines()] == [
        "the collector of traces does not take spans; they are lost until it does"
    ]


@pytest.mark.parametrize("name", ["OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_TRACES_SAMPLER", "OTEL_SDK_DISABLED"])
def test_a_second_way_to_say_the_same_is_refused_where_traces_are_on(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, "x")
    load()
    with pytest.raises(AdrwatchError, match=name) as error:
        load(traces_endpoint="http://collector:4318")
    assert "ADRWATCH_TRACES_ENDPOINT" in str(error.value.fix)


def test_credentials_for_the_collector_come_by_the_standard_variable(
    found: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-key=something")
    begin(found)
    traces.created(POSTS)
    traces.stop()
    [request] = found.receiver.requests
    assert request.headers["x-key"] == "something"
