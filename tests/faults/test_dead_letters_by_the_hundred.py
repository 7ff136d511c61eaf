"""A stage that refuses its messages by the hundred, on a real broker: it stands still, and all of it can be made good."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from services import cli
from services.ingest.holds import in_force
from shared.events import Hold
from shared.settings import load
from tests import topics
from tests.faults import ledger
from tests.faults.test_stream_loses_nothing import Bench
from tests.integration.ingest_command import Adrwatch, adrwatch

__all__ = ["adrwatch"]

LIMITS = {"ADRWATCH_DEAD_LETTER_LIMIT": "40", "ADRWATCH_DEAD_LETTER_WINDOW": "100", "ADRWATCH_BATCH_SIZE": "32"}


@pytest.fixture
def bench(adrwatch: Adrwatch, tmp_path: Path) -> Iterator[Bench]:
    made = Bench(adrwatch.kafka, adrwatch.prefix, tmp_path)
    yield made
    for process in made.workers:
        process.kill()
        process.wait()


def holds(bench: Bench) -> list[Hold]:
    return in_force(load(kafka_bootstrap=bench.bootstrap, topic_prefix=bench.prefix))


def stands_still(bench: Bench) -> None:
    ledger.wait_for(lambda: bool(holds(bench)), "a hold")


def outcomes(bench: Bench) -> Counter[bytes]:
    """How often each value has passed."""
    return Counter(record.key for record in topics.records(bench.bootstrap, f"{bench.prefix}.outcomes") if record.key)


def test_a_flood_is_stopped_survives_a_kill_goes_on_when_told_and_is_made_good(
    bench: Bench, adrwatch: Adrwatch
) -> None:
    # Two partitions have good ones between those that are refused.
    values = [b"%s-%d" % (b"good" if n % 8 < 2 else b"refused", n) for n in range(400)]
    bench.produce(values)
    worker = bench.worker(**LIMITS)
    stands_still(bench)
    assert {(hold.stage, hold.topic) for hold in holds(bench)} == {("flaky", f"{bench.prefix}.posts")}
    worker.kill()
    worker.wait()
    before = bench.committed(), bench.passed(), bench.dead()
    bench.worker(**LIMITS)
    log = bench.folder / "worker-1.log"
    ledger.wait_for(lambda: log.read_text().count("stands still for its dead letters") >= 2, "the second worker")
    # At most what the first worker had sent of other partitions; what waits is uncommitted.
    assert (bench.passed(), bench.dead()) == before[1:]
    assert bench.committed() < len(values) / 2
    assert len(bench.dead()) < len(values) / 2

    def let_go() -> bool:
        if holds(bench):
            assert adrwatch("dead-letters", "resume", "flaky", "--why", "a test") == 0
        return bench.committed() == len(values)

    ledger.wait_for(let_go, "the commit of all offsets")
    good = {value for value in values if value.startswith(b"good")}
    assert bench.passed() == good
    assert len(bench.dead()) == len(values) - len(good)
    # The cause is mended; what is sent back stops nothing, and every message has passed once.
    for process in bench.workers:
        process.terminate()
        process.wait()
    once = outcomes(bench)
    bench.worker(**LIMITS, FLAKY_MENDED="1")
    assert adrwatch.json("dead-letters", "replay", "--all")["replayed"] == len(values) - len(good)
    ledger.wait_for(lambda: len(outcomes(bench)) == len(values), "every message")
    assert outcomes(bench) == once + Counter({value: 1 for value in values if value not in good})
    assert adrwatch.json("dead-letters", "list") == []
    assert not holds(bench)


def test_what_is_sent_back_unmended_stops_nothing(bench: Bench, adrwatch: Adrwatch) -> None:
    bench.produce([b"refused-%d" % n for n in range(120)])
    worker = bench.worker(ADRWATCH_DEAD_LETTER_LIMIT="0")
    bench.wait(120)
    worker.terminate()
    worker.wait()
    bench.worker(**LIMITS)
    assert adrwatch("dead-letters", "replay", "--all") == 0
    bench.wait(240)
    assert not holds(bench)


def test_letters_that_are_given_up_are_gone_with_a_reason(bench: Bench, adrwatch: Adrwatch) -> None:
    bench.produce([b"refused-%d" % n for n in range(8)])
    bench.worker()
    bench.wait(8)
    told: Any = CliRunner().invoke(cli.build(), ["dead-letters", "discard", "--all", "--why", "a test"], input="n\n")
    assert told.exit_code == 1
    assert len(bench.dead()) == 8
    given_up = adrwatch.json("dead-letters", "discard", "--all", "--why", "a test", "--yes")
    assert given_up == {"chosen": 8, "discarded": 8}
    assert adrwatch.json("dead-letters", "list") == []
    records = topics.records(bench.bootstrap, f"{bench.prefix}.dead-letters")
    why = [dict(record.headers)["adrwatch-discarded"] for record in records if record.value is None]
    assert why == [b"a test"] * 8
