"""Traces through the real parts: a post is one trace to its notification, and a collector that is away holds nothing up."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from shared import traces
from shared.events import Outcome, decode
from tests.faults import ledger
from tests.integration.ingest_command import Adrwatch, adrwatch, write
from tests.integration.notify_desk import SECRET, webhook
from tests.otlp import Seen, collector
from tests.processes import gone_at_the_end
from tests.receivers import http_receiver

__all__ = ["adrwatch"]

READING = ("--source", "network", "--author", "user", "--id", "id")
# Words that stand nowhere else.
HIDDEN = (b"quokka", b"hidden_aardvark", b"native-7", b"native-8", b"walrus", b"hidden_badger")


@pytest.fixture(autouse=True)
def this_process_traces_no_more() -> Iterator[None]:
    yield
    traces.stop()


def line(source: str, native: str, word: str, user: str) -> dict[str, Any]:
    text = f"day 3 on metformin and i cannot stop vomiting, so i am in hospital now, next to a painting of a {word}"
    return {"id": native, "text": text, "created_at": "2026-03-01T08:00:17Z", "user": user, "network": source}


def worker(name: str, folder: Path) -> subprocess.Popen[bytes]:
    with (folder / f"{name}.log").open("wb") as log:
        return subprocess.Popen([sys.executable, "-m", "services.cli", "worker", name], stdout=log, stderr=log)


def test_a_post_is_one_trace_to_its_notification_and_posts_go_on_while_the_collector_is_away(
    adrwatch: Adrwatch, redis_url: str, triton: str, topic_prefix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with collector() as found, http_receiver() as desk:
        (tmp_path / "notifiers.toml").write_text(webhook("desk", desk.url))
        for name, value in {
            "ADRWATCH_REDIS_URL": redis_url,
            "ADRWATCH_REDIS_PREFIX": topic_prefix,
            "ADRWATCH_TRITON_URL": triton,
            "ADRWATCH_NOTIFIERS_FILE": str(tmp_path / "notifiers.toml"),
            "ADRWATCH_TRACES_ENDPOINT": found.url,
            "ADRWATCH_TRACES_RATIO": "1",
            "DESK_SECRET": SECRET,
            "PYTHONPATH": os.pathsep.join(sys.path),
        }.items():
            monkeypatch.setenv(name, value)
        shown = write(str(tmp_path / "posts.jsonl"), line("forum", "native-7", "quokka", "@hidden_aardvark"))
        closed = write(str(tmp_path / "closed.jsonl"), line("other", "native-8", "walrus", "@hidden_badger"))
        assert adrwatch("ingest", "replay", shown, *READING) == 0, adrwatch.err
        assert adrwatch("ingest", "replay", closed, *READING, "--aggregates-only") == 0, adrwatch.err
        traces.stop()
        workers = [worker(name, tmp_path) for name in ("pipeline", "alerting", "notify")]
        with gone_at_the_end(workers):
            wanted = {
                ("adrwatch-ingest", f"create {topic_prefix}.posts"),
                ("adrwatch-pipeline", f"process {topic_prefix}.posts"),
                ("adrwatch-pipeline", "batch pipeline"),
                ("adrwatch-pipeline", "infer adr_classifier"),
                ("adrwatch-pipeline", "infer adr_ner"),
                ("adrwatch-pipeline", "send"),
                ("adrwatch-alerting", f"process {topic_prefix}.outcomes"),
                ("adrwatch-alerting", f"process {topic_prefix}.mentions"),
                ("adrwatch-alerting", "redis PIPELINE"),
                ("adrwatch-alerting", "send"),
                ("adrwatch-notify", "notify"),
            }

            def of_post() -> list[Seen]:
                first = [one.trace for one in found.spans() if one.name.startswith("create ")]
                return [one for one in found.spans() if first and one.trace == first[0]]

            def whole() -> bool:
                spans = of_post()
                known = {one.span for one in spans}
                above = {one.name for one in spans if one.parent not in known}
                # A span comes when it ends, so after those below it.
                return wanted <= {(one.service, one.name) for one in spans} and above == {
                    f"create {topic_prefix}.posts"
                }

            ledger.wait_for(whole, "the spans of the post, each below another")
            traced = {one.trace for one in found.spans() if one.name.startswith("create ")}
            assert len(traced) == 1, "the post has a trace of which only aggregates may be kept"
            [batch] = [one for one in of_post() if one.name == "batch pipeline"]
            assert batch.links == [batch.trace]
            sent = [one for one in of_post() if one.name == "send" and one.service == "adrwatch-alerting"]
            assert {one.attributes["adrwatch.topics"] for one in sent} == {"alerts"}
            [processed] = [one for one in of_post() if one.name == f"process {topic_prefix}.posts"]
            assert processed.attributes["adrwatch.outcome"] == "mentions"
            # The posts' ids in the topics are not there either.
            posts = [decode(record.value, Outcome).post_id.encode() for record in adrwatch.records("outcomes")]
            assert len(posts) == 2
            hidden = [*HIDDEN, *posts, *(post.partition(b":")[2] for post in posts)]
            assert not [word for word in hidden if word in found.raw()]

            found.receiver.stop()
            many = [line("forum", f"later-{n}", f"lynx number {n}", "@hidden_civet") for n in range(20)]
            assert adrwatch("ingest", "replay", write(str(tmp_path / "more.jsonl"), *many), *READING) == 0, adrwatch.err
            traces.stop()
            ledger.wait_for(
                lambda: len({record.key for record in adrwatch.records("outcomes")}) == 22, "the outcomes of all posts"
            )
            told = "the collector of traces does not take spans"
            log = tmp_path / "pipeline.log"
            ledger.wait_for(lambda: told in log.read_text(), "the word that the collector is away")
            assert log.read_text().count(told) == 1
            assert [one.poll() for one in workers] == [None] * 3
