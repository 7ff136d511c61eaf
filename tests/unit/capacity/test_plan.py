"""How many of what a load needs: the least that carries it, with room, in whole partitions."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Histogram, start_http_server
from typer.testing import CliRunner

from services.capacity.measured import Rate, live, shipped
from services.capacity.plan import Load, Plan, plan
from services.cli import build
from shared.errors import AdrwatchError, DependencyAway
from shared.topics import DECLARED


def rates(**per_second: float) -> dict[str, Rate]:
    given = {"pipeline": 400.0, "alerting": 4000.0, "classifier": 300.0, "extractor": 200.0} | per_second
    return {name: Rate(per_second=value, cores=1.0, source="made up") for name, value in given.items()}


def counts(made: Plan) -> dict[str, int | None]:
    return {part.name.removeprefix("Triton, ").split()[0]: part.count for part in made.parts}


def test_a_small_load_needs_one_of_each() -> None:
    made = plan(Load(posts_per_second=50), rates())
    assert (made.partitions, counts(made)) == (
        DECLARED,
        {"pipeline": 1, "alerting": 1, "classifier": 1, "extractor": 1},
    )


def test_shares_that_ask_no_model_need_none_of_its_time() -> None:
    load = Load(posts_per_second=2000, share_screened=0.5, share_reported=0.1, head_room=0.3)
    made = plan(load, rates())
    # 280 a worker: of 8 partitions with 250 each a worker carries one; of the models 1,000 and 200 posts a second are asked.
    assert made.partitions == 8
    assert counts(made) == {"pipeline": 8, "alerting": 1, "classifier": math.ceil(1000 / 210), "extractor": 2}
    assert {part.needs for part in made.parts} == {2000.0, 1000.0, 200.0}


@given(st.floats(1, 20_000), st.floats(10, 5000), st.floats(0, 0.9))
def test_no_worker_is_given_more_than_it_can_carry_and_one_fewer_would_not_do(
    load: float, rate: float, head_room: float
) -> None:
    wanted = Load(posts_per_second=load, head_room=head_room)
    if load / 256 > rate * (1 - head_room):
        with pytest.raises(AdrwatchError, match="256 partitions are not enough"):
            plan(wanted, rates(pipeline=rate, alerting=1e9))
        return
    made = plan(wanted, rates(pipeline=rate, alerting=1e9))
    pipeline = made.parts[0]
    assert pipeline.count is not None
    assert pipeline.busy is not None
    assert pipeline.busy <= 1 - head_room + 1e-6
    if pipeline.count > 1:
        most = math.ceil(made.partitions / (pipeline.count - 1)) * load / made.partitions
        assert most > rate * (1 - head_room) - 1e-6


def test_what_was_not_measured_is_said_and_not_guessed() -> None:
    known = {name: rate for name, rate in rates().items() if name in ("pipeline", "alerting")}
    made = plan(Load(posts_per_second=100), known)
    assert counts(made)["classifier"] is None
    assert any("GPU" in line for line in made.unmeasured)
    with_gpu = plan(Load(posts_per_second=1000, head_room=0.0), known, gpu=300.0)
    assert next(part.count for part in with_gpu.parts if "GPU" in part.name) == 4


def test_the_shipped_rates_are_those_of_the_benchmark_and_the_command_tells_where_they_come_from() -> None:
    found = shipped()
    assert found.rates.keys() == {"pipeline", "alerting", "classifier", "extractor"}
    ran = CliRunner().invoke(build(), ["capacity", "--posts-per-second", "500", "--json"])
    told = json.loads(ran.stdout)
    assert told["measured"]["revision"] == found.revision
    assert told["partitions"] % DECLARED == 0
    table = CliRunner().invoke(build(), ["capacity", "--posts-per-second", "500", "--gpu-posts-per-second", "9000"])
    for word in (
        "pipeline workers",
        "alerting workers",
        "Triton, classifier on CPU",
        "or GPUs",
        found.processor,
        "unmeasured",
    ):
        assert word in table.stdout, word


@pytest.mark.parametrize("content", [None, b"{}", b"not json"])
def test_a_file_without_rates_is_named(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "rates.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(AdrwatchError, match=r"rates\.json") as caught:
        shipped(path)
    assert "make bench-scale" in caught.value.fix


def test_running_workers_tell_their_own_rate() -> None:
    registry = CollectorRegistry()
    read = Counter("adrwatch_records_in_total", "read", ["stage", "topic"], registry=registry)
    busy = Histogram("adrwatch_batch_seconds", "busy", ["stage"], registry=registry)
    read.labels("pipeline", "adr.posts").inc(4000)
    for _ in range(40):
        busy.labels("pipeline").observe(0.25)
    read.labels("windows", "adr.outcomes").inc(10)
    busy.labels("windows").observe(0.1)
    server, thread = start_http_server(0, "127.0.0.1", registry)
    try:
        address = f"127.0.0.1:{server.server_port}"
        found = live([address, address])
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
    # One batch of alerting tells nothing.
    assert found.keys() == {"pipeline"}
    assert found["pipeline"].per_second == pytest.approx(400)
    with pytest.raises(DependencyAway, match="no worker tells its metrics"):
        live([address])


def test_smaller_partitions_are_chosen_where_they_save_a_worker() -> None:
    made = plan(Load(posts_per_second=2000), rates(pipeline=655.0, alerting=1e6))
    assert (made.partitions, made.parts[0].count) == (32, 5)
