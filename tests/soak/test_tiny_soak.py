"""A soak of some seconds, through all of its code, with the workers on the tests' servers."""

from __future__ import annotations

from pathlib import Path

from shared.settings import load
from tests.soak.report import write
from tests.soak.run import soak
from tests.soak.verdicts import Limits

# Nothing is flat within seconds.
LOOSE = Limits(memory_mib_hour=1e6, count_hour=1e6, keys_a_mention=1e6, bytes_a_mention=1e9, lag_seconds=60.0)


def test_a_tiny_soak_accounts_for_every_post_and_writes_its_report(
    kafka: str, redis_url: str, triton: str, topic_prefix: str, tmp_path: Path
) -> None:
    settings = load(
        data_dir=tmp_path / "data", kafka_bootstrap=kafka, redis_url=redis_url, triton_url=triton,
        topic_prefix=topic_prefix, redis_prefix=topic_prefix, dashboard_access="development",
    )  # fmt: skip
    said: list[str] = []
    found = soak(settings, 0.2, 15.0, LOOSE, "the command", said.append)
    assert found.passed, (found.verdicts, found.gone, found.soak)
    assert found.soak.sent > 50
    assert {"pipeline-1", "alerting-1", "cases-1", "dashboard-1"} <= found.samples[-1].processes.keys()
    assert all(one.processes["pipeline-1"].memory > 50 << 20 for one in found.samples)
    assert found.samples[-1].topics["posts"] > 50
    assert found.samples[-1].topic_bytes["posts"] > 1000
    page = write(tmp_path / "report", found.soak, found.samples, found.verdicts).read_text()
    assert "Every verdict passed." in page
    assert {path.name for path in (tmp_path / "report").glob("*.svg")} >= {
        "memory.svg",
        "files.svg",
        "lag.svg",
        "redis.svg",
    }

    impossible = LOOSE._replace(lag_seconds=-1.0)
    assert (
        "FAILED"
        in write(
            tmp_path / "report",
            found.soak,
            found.samples,
            [one._replace(limit=impossible.lag_seconds) for one in found.verdicts if one.what == "longest lag"],
        ).read_text()
    )
