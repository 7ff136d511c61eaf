"""The broker and a live source are killed while posts come in, as `adrwatch up` runs them: every post is there in the end."""

from __future__ import annotations

from pathlib import Path

from kafka.errors import KafkaError

from deploy.local.stack import Stack
from deploy.local.up import sources
from deploy.local.workers import service_workers
from shared.errors import DependencyAway
from shared.settings import load
from shared.topics import POSTS
from tests import topics
from tests.faults import ledger
from tests.networks.jetstream import jetstream, post
from tests.networks.source import SECOND, SECRET, ours, start_us


def test_kills_of_the_broker_and_of_the_source_lose_no_post(tmp_path: Path) -> None:
    file = tmp_path / "sources.toml"
    settings = load(
        data_dir=tmp_path / "data", sources_file=file, author_secret=SECRET, retry_first=0.05, retry_most=1.0
    )
    with jetstream() as server:
        file.write_text(f'[sources.bluesky]\ntype = "bluesky"\nendpoints = ["{server.url}"]\nrewind_seconds = 2\n')
        workers = service_workers(sources=sources(settings))
        with Stack(settings, servers=["kafka"], workers=workers, topics=True) as stack:
            kafka = stack.addresses["kafka_bootstrap"]

            def found() -> set[str]:
                try:
                    return {record.key.decode() for record in topics.records(kafka, POSTS.name(settings.topic_prefix))}
                except (DependencyAway, KafkaError, OSError):
                    return set()

            ledger.wait_for(lambda: server.connections > 0, "the source")
            begin = start_us()
            events = [
                post(f"did:plc:p{number % 9}", f"3k{number}", f"zoloft, day {number}", begin + number * SECOND // 10)
                for number in range(900)
            ]
            for part, kill in enumerate(("kafka", "sources-1", None)):
                first, so_far = (
                    events[part * 300 : part * 300 + 150],
                    {ours(event) for event in events[: part * 300 + 300]},
                )
                server.add(*first)
                ledger.wait_for(lambda ids={ours(event) for event in first}: found() & ids, f"a post of part {part}")
                if kill:
                    stack.kill(kill)
                server.add(*events[part * 300 + 150 : part * 300 + 300])
                ledger.wait_for(lambda ids=so_far: found() >= ids, f"all posts of part {part}")
            assert found() == {ours(event) for event in events}
