"""A later version of the pipeline beside this one, in one group on real servers, while alerting is still of this version."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from deploy.local.processes import Context
from deploy.local.stack import Stack
from deploy.local.workers import Worker, environment, service_workers
from shared.events import encode
from shared.settings import PACKAGE_ROOT, load
from shared.stream import Output
from shared.topics import POSTS, partition_of
from shared.writer import Writer
from tests import topics
from tests.benchmarks.fixed_triton import fixed_triton
from tests.benchmarks.scaling import Progress, made_posts
from tests.faults import ledger
from tests.faults.later_pipeline import FIELD

COUNT = 1500
LATER = Worker(
    "later-2",
    (sys.executable, "-m", "tests.faults.later_pipeline"),
    {"ADRWATCH_WORKER_ID": "2", "PYTHONPATH": str(PACKAGE_ROOT)},
    metrics=True,
)


def test_a_later_pipeline_beside_this_one_loses_nothing_doubles_nothing_and_alerting_counts_what_it_writes(
    kafka: str, redis_url: str, topic_prefix: str, tmp_path: Path
) -> None:
    settings = load(
        kafka_bootstrap=kafka,
        redis_url=redis_url,
        topic_prefix=topic_prefix,
        redis_prefix=topic_prefix,
        data_dir=tmp_path,
    )
    with fixed_triton(Context(tmp_path, settings.cache_dir), settings.model_repository, 1.0) as triton:
        settings = settings.model_copy(update={"triton_url": triton})
        workers = (*service_workers(pipeline=1, alerting=1), LATER)
        with Stack(settings, workers=workers, topics=True), Progress(settings, "alerting") as counted:
            with Progress(settings, "pipeline") as shared:
                ledger.wait_for(lambda: shared.shared(2), "partitions for both")
            with Writer(settings, 30.0) as writer:
                writer.write(
                    Output(POSTS, post.id, encode(post), partition_of(post.id, POSTS.partitions))
                    for post in made_posts(settings, COUNT)
                )
            ledger.wait_for(lambda: counted.done() >= COUNT, "alerting")
            outcomes = [json.loads(record.value) for record in topics.records(kafka, f"{topic_prefix}.outcomes")]
            verified = subprocess.run(
                [sys.executable, "-m", "services.cli", "windows", "verify", "--json"],
                env=environment(settings, {}), cwd=ledger.ROOT, capture_output=True, text=True, check=False,
            )  # fmt: skip
    assert len(outcomes) == len({one["post_id"] for one in outcomes}) == COUNT
    assert {FIELD in one for one in outcomes} == {True, False}
    mentions = [json.loads(record.value) for record in topics.records(kafka, f"{topic_prefix}.mentions")]
    assert "a-later-word" in {one["person"] for one in mentions}
    assert topics.records(kafka, f"{topic_prefix}.dead-letters") == []
    found = json.loads(verified.stdout)
    assert (found["kinds"], found["expected"] > 0) == ({}, True)
