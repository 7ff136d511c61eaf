"""The processes around `bench-ingest`: a Jetstream that sends as fast as it can, and a bare loop over a KafkaProducer.

`python -m tests.benchmarks.ingest_processes jetstream 100000` prints its address and serves until it is ended.
`… bare 100000 BOOTSTRAP PREFIX` prints one JSON object.
"""

from __future__ import annotations

import functools
import json
import os
import sys
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec
from kafka import KafkaProducer
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection, serve

from services.ingest.accept import Limits, accept
from services.ingest.networks.batch import Batch
from services.ingest.networks.bluesky.configuration import Bluesky
from services.ingest.networks.known import Known
from services.ingest.networks.worker import network
from services.ingest.source import RawPost
from shared.events import now
from shared.settings import PACKAGE_ROOT, load
from shared.text.identity import author_hash
from shared.topics import TOPICS
from shared.vocabulary.drugs import default_lexicon
from shared.writer import producer_options
from tests.benchmarks.memory import peak
from tests.networks.jetstream import post
from tests.networks.source import SECRET

BATCH = 2_000
PATIENCE = 60.0
_BEGIN_US = 1_767_225_600_000_000  # 2026-01-01
_STEP_US = 1_000
_PEOPLE = 200_000
_CHUNK = 500


@functools.cache
def texts() -> list[str]:
    """The posts of the demo that name a medicine."""
    lexicon = default_lexicon()
    lines = (PACKAGE_ROOT / "deploy" / "demo" / "posts.jsonl").read_text(encoding="utf-8").splitlines()
    return [text for text in (json.loads(line)["text"] for line in lines) if lexicon.find(text)]


def frames(begin: int, end: int) -> Iterator[bytes]:
    """The frames of these numbers, each a post that names a medicine."""
    found = texts()
    for number in range(begin, end):
        event = post(f"did:plc:{number % _PEOPLE:024}", f"3k{number:011}", found[number % len(found)], at(number))
        yield msgspec.json.encode(event)


def at(number: int) -> int:
    """The time of an event, which is its cursor."""
    return _BEGIN_US + number * _STEP_US


def on_the_wire(frame: bytes) -> bytes:
    """A text frame as a server sends it (RFC 6455, section 5.2)."""
    length = len(frame)
    return b"\x81" + (bytes([length]) if length < 126 else b"\x7e" + length.to_bytes(2, "big")) + frame


def serve_jetstream(count: int) -> None:
    """Send so many prepared frames to whoever connects, from the cursor on, then nothing."""

    # Made ahead by this many: making a frame takes longer than sending it.
    prepared = [
        b"".join(map(on_the_wire, frames(begin, min(count, begin + _CHUNK)))) for begin in range(0, count, _CHUNK)
    ]

    def handle(connection: ServerConnection) -> None:
        assert connection.request is not None
        query = parse_qs(urlsplit(connection.request.path).query)
        cursor = int(query.get("cursor", ["0"])[0])
        try:
            for chunk in prepared[max(0, cursor - _BEGIN_US) // _STEP_US // _CHUNK :]:
                # Past the library, which takes longer for a frame than the one who reads.
                connection.socket.sendall(chunk)
            connection.recv()
        except (ConnectionClosed, OSError):
            return

    with serve(handle, "127.0.0.1", 0, ping_interval=None) as server:
        print(f"ws://127.0.0.1:{server.socket.getsockname()[1]}/subscribe", flush=True)
        server.serve_forever()


def messages(count: int) -> list[list[tuple[str, bytes, bytes | None, int | None]]]:
    """What a source writes of the first frames, batch by batch: topic, key, value, partition."""
    settings = load(author_secret=SECRET)
    keys = Bluesky(endpoints=("ws://nowhere/",))
    source: Any = network("bluesky", keys, settings)
    limits = Limits(settings.max_post_chars, timedelta(seconds=settings.future_limit))
    hashed = functools.partial(author_hash, SECRET)
    batch = Batch(
        Known("bluesky"),
        lambda raw: accept(raw, keys.policy, limits, hashed, now()),
        lambda _: True,
        lambda who: (who,),
    )
    found = []
    for begin in range(0, count, BATCH):
        for frame in frames(begin, min(count, begin + BATCH)):
            item = source._item(frame)
            assert isinstance(item, RawPost), item
            batch.take(item)
        found.append([(one.topic.suffix, one.key.encode(), one.value, one.partition) for one in batch.outputs()])
        batch.clear()
    return found


def bare(count: int, bootstrap: str, prefix: str) -> dict[str, Any]:
    """Send the same bytes by a bare loop, with a record for each batch as the position is, and wait for each batch."""
    batches = messages(count)
    names = {topic.suffix: topic.name(prefix) for topic in TOPICS}
    producer = KafkaProducer(bootstrap_servers=bootstrap.split(","), **producer_options(PATIENCE))
    producer.send(names["positions"], b"{}", key=b"warm").get(timeout=PATIENCE)
    began = time.perf_counter()
    for batch in batches:
        sent = [producer.send(names[topic], value, key=key, partition=place) for topic, key, value, place in batch]
        for one in sent:
            one.get(timeout=PATIENCE)
        producer.send(names["positions"], b"{}", key=b"bench").get(timeout=PATIENCE)
    seconds = time.perf_counter() - began
    producer.close()
    return {"seconds": seconds, "memory": peak(os.getpid())}


def main() -> None:
    """Be one of the processes. The core is chosen by whoever starts it."""
    what, count, *rest = sys.argv[1:]
    if what == "jetstream":
        threading.Thread(target=_end_with_parent, daemon=True).start()
        serve_jetstream(int(count))
    else:
        print(json.dumps(bare(int(count), *rest)))


def _end_with_parent() -> None:
    sys.stdin.read()
    os._exit(0)


if __name__ == "__main__":
    main()
