"""Kafka stands still under a pushed source: what was promised is on disk and comes, what was not is sent away and comes later."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from deploy.local.stack import Stack
from services.ingest.networks.segments import contents
from shared.settings import load
from shared.topics import POSTS
from tests.networks.vendor import PushedSource, ours, post, pushed_source


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with Stack(load(data_dir=tmp_path_factory.mktemp("kafka")), servers=["kafka"]) as made:
        yield made


@pytest.fixture
def vendor(stack: Stack, topic_prefix: str, tmp_path: Path) -> Iterator[PushedSource]:
    with pushed_source(stack.addresses["kafka_bootstrap"], topic_prefix, tmp_path) as made:
        yield made


@contextmanager
def paused(stack: Stack) -> Iterator[None]:
    """Kafka neither answers nor breaks off."""
    pid = stack.pids()["kafka"]
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def spooled(source: PushedSource) -> int:
    return contents(source.folder / "spool" / "vendor").posts


def test_while_kafka_stands_still_what_is_answered_lies_on_disk_and_outlives_a_kill(
    stack: Stack, vendor: PushedSource
) -> None:
    vendor.start()
    assert vendor.vendor.push([post(0)]).json()["kept"] == "kafka"
    with paused(stack):
        for first in (1, 11, 21):
            answer = vendor.vendor.push([post(number) for number in range(first, first + 10)])
            assert (answer.status_code, answer.json()["kept"]) == (200, "spool")
        answer = vendor.vendor.push([{"id": "plantedanna/25"}], "deletions")
        assert (answer.json()["kept"], answer.json()["counts"]) == ("spool", {"deletion": 1})
        assert vendor.vendor.push([post(25)]).json()["counts"] == {"gone": 1}
        assert spooled(vendor) == 30
        vendor.kill()
    vendor.start()
    left = {ours(number) for number in range(31)} - {ours(25)}
    vendor.wait_for(lambda: vendor.posts().keys() == left and spooled(vendor) == 0, "all but the deleted post")
    assert vendor.deletions() == {ours(25)}
    texts = [record.value for record in vendor.records(POSTS) if record.key == ours(25).encode()]
    assert set(texts) <= {None}, "its text was written although it was deleted before"
    assert vendor.vendor.push([post(31)]).json()["kept"] == "kafka"


def test_where_neither_kafka_nor_the_disk_takes_it_the_sender_is_told_to_come_again(
    stack: Stack, vendor: PushedSource
) -> None:
    vendor.environment["ADRWATCH_SPOOL_MIB"] = "1"
    vendor.start()
    batches = [
        [post(number, f"zoloft {'so dizzy ' * 1000}") for number in range(50 * n, 50 * n + 50)] for n in range(4)
    ]
    with paused(stack):
        answers = [vendor.vendor.push(batch, identity=f"batch-{number}") for number, batch in enumerate(batches)]
        statuses = [answer.status_code for answer in answers]
        assert set(statuses) == {200, 503}, statuses
        for answer in answers:
            if answer.status_code != 200:
                assert answer.headers["content-type"] == "application/problem+json"
                assert int(answer.headers["retry-after"]) > 0
        # What it promised stays where it is.
        assert vendor.stop() == 0
        assert spooled(vendor) > 0
    vendor.start()
    for number, batch in enumerate(batches):
        again = vendor.vendor.insist(batch, identity=f"batch-{number}")
        assert again is not None
        assert again.status_code == 200
    wanted = {ours(number) for number in range(200)}
    vendor.wait_for(lambda: vendor.posts().keys() == wanted and spooled(vendor) == 0, "all posts")
