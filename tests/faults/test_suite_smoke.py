"""One round of the suite of faults: each family at least once, at moments that a seed decides, and the check of every post."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.suite.kinds import KINDS
from tests.faults.suite.run import play

SEED = 20_261_128
RATE = 8.0
# Each server and the pipeline dies once, and alerting ends where Redis is wiped; of what is no death, one kind of each family.
CHOSEN = (
    "pipeline-killed", "kafka-killed", "redis-killed", "triton-killed", "rebalance", "triton-nan", "redis-flushed",
    "database-locked", "spool-full", "kafka-pipeline-cut", "alerting-clock", "poison", "repeat", "large", "refuse",
)  # fmt: skip


@pytest.mark.alone
def test_faults_of_every_family_lose_and_double_nothing_and_change_no_count(tmp_path: Path) -> None:
    one = play(
        tmp_path, SEED, CHOSEN, RATE,
        over=lambda faults: {fault.kind for fault in faults} == set(CHOSEN), say=print,
    )  # fmt: skip
    assert one.findings.wrong == []
    assert {fault.kind for fault in one.faults if fault.recovered is None} == set()
    # A check that looks at nothing finds nothing.
    for what in ("outcomes", "mentions", "alerts", "rows in Redis", "cases", "notices", "deletions", "dead letters"):
        assert one.findings.seen[what] > 0, what


def test_the_families_are_all_of_the_smoke() -> None:
    families = {KINDS[name]().family for name in KINDS} - {"models"}
    assert families == {KINDS[name]().family for name in CHOSEN}
