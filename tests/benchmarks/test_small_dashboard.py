"""The benchmark of the dashboard itself, small, over real servers."""

from __future__ import annotations

import re
from pathlib import Path

from shared.settings import load
from tests.benchmarks.dashboard import measure, render
from tests.benchmarks.dashboard_data import Sizes
from tests.benchmarks.dashboard_users import PARTS


def test_users_are_served_every_page_and_hear_of_what_is_new(
    kafka: str, redis_url: str, topic_prefix: str, tmp_path: Path
) -> None:
    settings = load(
        kafka_bootstrap=kafka, redis_url=redis_url, topic_prefix=topic_prefix, redis_prefix=topic_prefix,
        dashboard_port=18480,
    )  # fmt: skip
    sizes = Sizes(mentions=1_500, pairs=60, days=14, dossiers=6)
    found = measure(settings, tmp_path, sizes, users=2, seconds=3)

    for waits in (found.thinking, found.hasty):
        assert waits.keys() == {"alerts", "alert", *PARTS}
        assert all(one.served for one in waits.values())
        assert not any(one.wrong for one in waits.values())
        assert all(0 < one.p50 <= one.p95 <= one.p99 for one in waits.values())
        assert all(0 < one.server_p50 <= one.p50 for one in waits.values())
    assert found.live.served > 1
    assert found.first_load_bytes > 10_000
    page = render(found, sizes, 2, 3)
    assert len(re.findall(r"^\| [^|]+ \| [\d,]+ \| 0 \|", page, re.MULTILINE)) == 2 * len(found.hasty)
