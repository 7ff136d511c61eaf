"""`make bench-deletions`: after how many seconds each store has forgotten a post that its network takes back while others come."""

from __future__ import annotations

import itertools
import json
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Annotated, Self

import typer

from deploy.local.stack import Stack
from deploy.local.workers import service_workers
from services.cases.audit import Trail
from services.cases.database import Database
from services.cases.receipts import Receipt, Receipts, times
from shared.errors import AdrwatchError
from shared.settings import PACKAGE_ROOT, Settings, load
from shared.vocabulary.drugs import default_lexicon
from tests.benchmarks.machine import machine, revision
from tests.benchmarks.page import table
from tests.networks.jetstream import Jetstream, delete, jetstream, post
from tests.networks.source import SECRET, ours_of

PAGE = PACKAGE_ROOT / "docs" / "benchmarks" / "deletions.md"
_DEMO = PACKAGE_ROOT / "deploy" / "demo" / "posts.jsonl"
# No receipt more for so long: the rest will not come.
_STANDSTILL = 120.0
_LOOK = 0.5


@dataclass(frozen=True)
class Said:
    """A post as the network has it."""

    did: str
    rkey: str
    text: str
    at_us: int

    @property
    def id(self) -> str:
        """Its id here."""
        return ours_of(self.did, self.rkey)

    @property
    def named(self) -> bool:
        """Whether it names a medicine: another is never published, and there is nothing to forget."""
        return bool(default_lexicon().find(self.text))


def sample() -> list[Said]:
    """The posts of the demo, each once, in their order, the last one a day ago."""
    lines = {line["id"]: line for line in map(json.loads, _DEMO.read_text(encoding="utf-8").splitlines())}
    at = {name: datetime.fromisoformat(line["created_at"]).timestamp() for name, line in lines.items()}
    later = _yesterday() - max(at.values())
    return [
        Said(f"did:plc:{lines[name]['author']}", f"3k{name}", lines[name]["text"], int((at[name] + later) * 1e6))
        for name in sorted(lines, key=lambda name: (at[name], name))
    ]


def stream() -> Iterator[Said]:
    """The sample over and over, a number behind each text, by authors of their own each time, a post a second from yesterday on."""
    begin, posts = int(_yesterday() * 1e6), sample()
    for number in itertools.count():
        turn, one = number // len(posts), posts[number % len(posts)]
        yield Said(f"{one.did}{turn}", f"{one.rkey}x{turn}", f"{one.text} ({turn})", begin + number * 1_000_000)


class Forgetting:
    """The whole product on a network of this process: sources, pipeline, alerting, cases. Use as a context manager.

    Servers that the settings name are used, the others are started.
    """

    def __init__(self, settings: Settings, folder: Path, say: Callable[[str], None] = lambda _: None) -> None:
        file = folder / "sources.toml"
        self.settings = settings.model_copy(
            update={"data_dir": folder, "sources_file": file, "author_secret": load(author_secret=SECRET).author_secret}
        )
        self.network: Jetstream
        self._file = file
        self._serving = jetstream()
        self.stack = Stack(
            self.settings, workers=service_workers(sources=1, pipeline=1, alerting=1, cases=1), topics=True, say=say
        )

    def __enter__(self) -> Self:
        self.network = self._serving.__enter__()
        self._file.write_text(f'[sources.bluesky]\ntype = "bluesky"\nendpoints = ["{self.network.url}"]\n')
        self.stack.start()
        self.settings = self.settings.model_copy(update=self.stack.addresses)
        # A source begins with the present: what nobody has come for yet would not be heard.
        while not self.network.connections:
            self.stack.context.sleep(0.1)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stack.stop()
        self._serving.__exit__(kind, error, trace)

    def say(self, *posts: Said) -> None:
        """Write posts at the network."""
        self.network.add(*(post(one.did, one.rkey, one.text, one.at_us) for one in posts))

    def take_back(self, *posts: Said) -> None:
        """Delete posts at the network."""
        self.network.add(*(delete(one.did, one.rkey, one.at_us) for one in posts))

    def receipts(self) -> list[Receipt]:
        """The receipts that there are."""
        with Database.used(self.settings) as database:
            return Receipts(database, Trail.of(self.settings)).read()

    def wait_for_receipts(self, posts: int) -> list[Receipt]:
        """The receipts of so many posts, of every store. Raises AdrwatchError when none comes any more."""
        seen, moved = -1, time.monotonic()
        while True:
            whole = [one for one in self.receipts() if not one.missing]
            if len(whole) >= posts:
                return whole
            if len(whole) > seen:
                seen, moved = len(whole), time.monotonic()
            if time.monotonic() - moved > _STANDSTILL:
                raise AdrwatchError(
                    f"of {posts} posts {len(whole)} are forgotten by every store, and nothing moves",
                    fix=f"see the logs in {self.stack.context.data_dir / 'logs'}",
                )
            self.stack.context.sleep(_LOOK)


def _yesterday() -> float:
    return time.time() - 86_400


def _play(product: Forgetting, posts: int, rate: float, every: int) -> list[Said]:
    """So many posts at a rate; every so many, one of half a minute before is deleted. What is deleted, in its order."""
    said: list[Said] = []
    gone: list[Said] = []
    began = time.monotonic()
    for number, one in enumerate(itertools.islice(stream(), posts)):
        product.stack.context.sleep(max(0.0, began + number / rate - time.monotonic()))
        product.say(one)
        said.append(one)
        before = number - int(30 * rate)
        if before >= 0 and number % every == 0:
            product.take_back(said[before])
            gone.append(said[before])
    return gone


def bench(
    posts: Annotated[int, typer.Option(min=100, help="Posts that the network has.")] = 9_000,
    rate: Annotated[float, typer.Option(min=0.1, help="Posts a second.")] = 30.0,
    every: Annotated[int, typer.Option(min=1, help="Every so many posts, one of half a minute before is deleted.")] = 5,
    out: Annotated[Path, typer.Option(help="The page to write.")] = PAGE,
) -> None:
    """Delete posts at a network while others come, with servers and workers of their own; write the seconds by store.

    Example: python -m tests.benchmarks.deletions --posts 3000
    """
    here = machine()
    with tempfile.TemporaryDirectory() as name:
        settings = load(kafka_bootstrap=None, redis_url=None, triton_url=None)
        with Forgetting(settings, Path(name), lambda text: typer.echo(text, err=True)) as product:
            gone = _play(product, posts, rate, every)
            found = times(product.wait_for_receipts(sum(one.named for one in gone)))
    rows = [
        (store, f"{one.posts:,}", f"{one.p50:.1f}", f"{one.p99:.1f}", f"{one.most:.1f}", f"{one.late:,}")
        for store, one in found.items()
    ]
    lines: Sequence[str] = [
        "# How soon a deleted post is forgotten",
        "",
        "Made by `make bench-deletions`; do not edit. A Jetstream on this machine has posts of the demo, and deletes some of",
        "them half a minute later, while others come; one worker each of sources, pipeline, alerting and cases; Kafka, Redis and",
        "Triton beside them. Seconds from when the source read the deletion, as the receipts in the audit trail have them.",
        "",
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, revision {revision()}, {here.processor}, {here.cores} cores, load before the run "
        f"{here.load:.2f}; {posts:,} posts, {rate:g} a second.",
        "",
        table(("store", "posts", "p50, s", "p99, s", "most, s", "over 60 s"), rows).rstrip(),
    ]  # fmt: skip
    out.write_text("\n".join(lines) + "\n", encoding="utf-8")
    typer.echo(out.read_text(encoding="utf-8"))


if __name__ == "__main__":
    typer.run(bench)
