"""The benchmark itself, small: the steps in process and the full path over real servers. (a) needs PyTorch and stays out."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from kafka import KafkaAdminClient

from shared.settings import load
from tests.benchmarks import posts
from tests.benchmarks.features import ALL, BATCHES, CHARACTERS, PARSE, READING, TOKENS
from tests.benchmarks.harness import Plan, measure
from tests.benchmarks.page import render
from tests.benchmarks.parts import ASKED, BARE, FAUST, FEATURES, FIXED, LANGUAGES, LOOP, Amounts, ready_row
from tests.benchmarks.results import Part, discord
from tests.benchmarks.run import SAMPLE

AMOUNTS = Amounts(features=20, loop=200, fixed=100, languages=20, sizes=(32,))


def test_every_post_of_a_small_run_is_decided_alike_in_process_and_live_and_nothing_is_left_behind(
    kafka: str, redis_url: str, triton: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, address in {"KAFKA_BOOTSTRAP": kafka, "REDIS_URL": redis_url, "TRITON_URL": triton}.items():
        monkeypatch.setenv(f"ADRWATCH_{name}", address)
    said: list[str] = []
    series: list[tuple[Part, bool]] = [("b", False), ("c", True)]
    # Posts of all kinds stand in its last two weeks.
    some = tmp_path / "some.jsonl"
    some.write_text("".join(SAMPLE.read_text().splitlines(keepends=True)[-479:]))
    plan = Plan(str(some), tmp_path, limit=40, rounds=1, series=series, workers=1, latency=2, amounts=AMOUNTS)
    result = measure(plan, "the command", said.append)

    assert [(run.part, run.gated) for run in result.runs] == series
    assert all(sum(run.outcomes.values()) == result.stream.distinct for run in result.runs)
    assert discord(result.runs) == []
    assert {"screened", "mentions"} <= result.runs[0].outcomes.keys()
    live = result.runs[1]
    assert live.memory.keys() == {"ingest replay", "pipeline", "alerting"}
    assert all(size > 10 << 20 for sizes in live.memory.values() for size in sizes)
    assert len(result.classifier) == 1
    assert result.classifier[0] > 0
    assert result.latency is not None
    assert result.latency.outcome.samples == result.latency.sent
    assert 0 < result.latency.mention.samples <= result.latency.sent
    assert 0 < result.latency.outcome.p50 <= result.latency.outcome.p99

    assert live.processor["pipeline"] > 0
    assert {part: set(rows) for part, rows in result.parts.items()} == {
        FEATURES: {PARSE, TOKENS, CHARACTERS, READING, BATCHES, ALL},
        LOOP: {FAUST, BARE},
        FIXED: {ready_row(32)},
        LANGUAGES: {row for row, *_ in ASKED},
    }
    assert all(rate > 0 for rows in result.parts.values() for rates in rows.values() for rate in rates)

    texts = [post.text for post in posts.read(load(data_dir=tmp_path), plan.stream, plan.columns, plan.limit)]
    public = "\n".join([render(result), msgspec.json.encode(result).decode(), *said])
    assert not any(text in public for text in texts)
    admin = KafkaAdminClient(bootstrap_servers=kafka)
    assert not [topic for topic in admin.list_topics() if topic.startswith("bench-")]
    admin.close()
