"""The posts of the benchmark: read once by the product's own readers, cut into rounds, written for each part to read."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import msgspec

from services.ingest.columns import Columns
from services.ingest.commands.reading import open_files
from services.ingest.source import RawPost
from shared.errors import AdrwatchError
from shared.events import Post, decode, encode
from shared.models import classifier
from shared.models.metadata import load_metadata
from shared.settings import Settings
from shared.text.clean import model_text
from tests.benchmarks.results import Stream


def read(settings: Settings, file: str, columns: Columns, limit: int | None) -> list[Post]:
    """The posts that ingest accepts, masked, in the file's order, repeated ids included; `limit` bounds the records.

    Raises AdrwatchError if there are none.
    """
    source, accept = open_files(settings, [file], None, columns, "replay", identifiers=True, limit=limit)
    accepted = (accept(item) for item in source if isinstance(item, RawPost))
    posts = [post for post in accepted if isinstance(post, Post)]
    if not posts:
        raise AdrwatchError(f"no record of {Path(file).name} is a post", fix="see `adrwatch ingest replay` for why")
    return posts


def describe(settings: Settings, file: str, posts: Sequence[Post]) -> Stream:
    """The stream in figures; word pieces are those that both models read, without [CLS] and [SEP]."""
    tokenizer = load_metadata(settings.model_repository / classifier.NAME, classifier.NAME)[1]
    texts = [model_text(post.text) for post in posts]
    pieces = sum(len(encoding.ids) for encoding in tokenizer.encode_batch(texts, add_special_tokens=False))
    return Stream(
        name=Path(file).name,
        posts=len(posts),
        distinct=len({post.id for post in posts}),
        pieces=pieces / len(posts),
    )


def cut(posts: Sequence[Post], rounds: int) -> list[Sequence[Post]]:
    """So many parts, one after the other, of lengths that differ by one at most. Raises AdrwatchError if some are empty."""
    if rounds > len(posts):
        raise AdrwatchError(f"{len(posts)} posts do not make {rounds} rounds", fix="give fewer --rounds or more posts")
    ends = [number * len(posts) // rounds for number in range(rounds + 1)]
    return [posts[start:end] for start, end in itertools.pairwise(ends)]


def live(posts: Sequence[Post], count: int, rate: float, begin: datetime) -> Iterator[Post]:
    """`count` posts under ids of their own, round and round, as they would be written `rate` times a second from `begin`."""
    for number in range(count):
        at = begin + timedelta(seconds=number / rate)
        yield msgspec.structs.replace(
            posts[number % len(posts)], id=f"latency:{number}", source="latency", created_at=at, ingested_at=at
        )


def write_texts(path: Path, posts: Iterable[Post]) -> Path:
    """One JSON string a line: all that part (a) needs."""
    return _write(path, (json.dumps(post.text).encode() for post in posts))


def write_posts(path: Path, posts: Iterable[Post]) -> Path:
    """One message a line, as in adr.posts."""
    return _write(path, map(encode, posts))


def read_posts(path: Path) -> list[Post]:
    """What `write_posts` wrote."""
    return [decode(line, Post) for line in path.read_bytes().splitlines()]


def write_replay(path: Path, posts: Iterable[Post]) -> Path:
    """One record a line for `adrwatch ingest replay`, which makes `SOURCE:<the post's id>` of each id."""
    return _write(path, (msgspec.json.encode(_record(post)) for post in posts))


def _record(post: Post) -> dict[str, str]:
    record = {"id": post.id, "text": post.text, "created_at": post.created_at.isoformat()}
    named = {"user_id": post.author, "language": post.language}
    return {**record, **{name: value for name, value in named.items() if value is not None}}


def _write(path: Path, lines: Iterable[bytes]) -> Path:
    # They hold what people wrote.
    path.touch(mode=0o600)
    with path.open("wb") as file:
        file.writelines(line + b"\n" for line in lines)
    return path
