"""Looks for people in everything that adrwatch keeps: topics, Redis, the database, files and logs."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from kafka import KafkaConsumer
from redis import Redis

from shared.keyring import keyring
from shared.settings import Settings
from shared.text.clean import fingerprint, mask
from shared.text.identity import author_hash
from shared.text.sketch import near_sketch, sketch_key
from tests import topics


def find(needles: Iterable[bytes], places: Iterable[tuple[str, bytes]]) -> list[str]:
    """Where any of the needles stands, in any case of letters: the place and the needle, each once."""
    wanted = [needle.lower() for needle in needles]
    found = {f"{place}: {needle!r}" for place, content in places for needle in wanted if needle in content.lower()}
    return sorted(found)


def remains(settings: Settings, source: str, native: str, author: str, text: str) -> list[bytes]:
    """What a post would be known by besides its words: its id at the network, its author, and what is made of author and words,
    with a key or without.
    """
    words, secret = mask(text), keyring(settings).current.secret
    sketch = near_sketch(words, sketch_key(settings))
    return [
        native.encode(),
        author.removeprefix("@").encode(),
        author_hash(secret, source, author).encode(),
        fingerprint(words).encode(),
        *([] if sketch is None else [sketch, base64.b64encode(sketch)]),
    ]


def in_kafka(kafka: str, prefix: str) -> Iterator[tuple[str, bytes]]:
    """Every record of every topic under a prefix: key, value, headers. Raises AssertionError where there is no topic."""
    with closing(KafkaConsumer(bootstrap_servers=kafka)) as consumer:
        names = sorted(name for name in consumer.topics() if name.startswith(f"{prefix}."))
    assert names
    for name in names:
        for record in topics.records(kafka, name):
            yield (
                name,
                b"\n".join([record.key or b"", record.value or b"", *(value or b"" for _, value in record.headers)]),
            )


def in_redis(url: str, prefix: str) -> Iterator[tuple[str, bytes]]:
    """Every key under a prefix, with its value."""
    with closing(Redis.from_url(url)) as client:
        keys = [key for key in client.scan_iter(count=1000) if prefix.encode() in key]
        assert keys
        for key in keys:
            yield "redis key", key
            yield f"redis {key.decode(errors='replace')}", _value(client, key)


def in_files(folder: Path, *left_out: str) -> Iterator[tuple[str, bytes]]:
    """Every file below a folder, but for those whose path has a part that is left out."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not set(path.relative_to(folder).parts) & set(left_out):
            yield str(path.relative_to(folder)), path.read_bytes()


def _value(client: Any, key: bytes) -> bytes:
    kind = client.type(key).decode()
    read = {
        "string": lambda: [client.get(key)],
        "hash": lambda: [part for pair in client.hgetall(key).items() for part in pair],
        "set": lambda: client.smembers(key),
        "zset": lambda: client.zrange(key, 0, -1),
        "list": lambda: client.lrange(key, 0, -1),
        "stream": lambda: [part for _, fields in client.xrange(key) for pair in fields.items() for part in pair],
        "none": list,
    }
    return b"\n".join(one or b"" for one in read[kind]())
