"""`make bench-scale`: how many times as fast several workers are as one, with models that answer at once and cost nothing.

Real Kafka and Redis, and the server with fixed answers. What is read lies in its topic before the workers start, so nothing else
has to keep up; a rate is taken while every worker has its partitions and none has come to an end.
"""

from __future__ import annotations

import itertools
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import msgspec
import psutil
import typer

from deploy.demo.sample import POSTS as SAMPLE
from deploy.local.processes import run_to_end
from deploy.local.stack import Stack
from deploy.local.workers import environment, service_workers
from services.capacity.measured import SHIPPED, Measured, Rate
from services.ingest.columns import Columns
from shared import broker
from shared.errors import AdrwatchError
from shared.events import Post, encode, now
from shared.groups import group_of
from shared.settings import Settings, load
from shared.stream import Output
from shared.topics import OUTCOMES, POSTS, Topic, partition_of
from shared.writer import Writer
from tests.benchmarks import posts as files
from tests.benchmarks.alone import model_rate
from tests.benchmarks.fixed_triton import MILLISECONDS, configurations, fixed_triton
from tests.benchmarks.machine import machine, revision, versions
from tests.benchmarks.scaling_page import DISTURBED, PAGE, Scaling, Series, render
from tests.benchmarks.windows import outcomes

# Of the posts, so many must be done before a rate is taken, and so many may be when it ends.
_FROM, _TO = 0.1, 0.85
_LOOK = 0.2
_STANDSTILL = 90.0
_SENT_AT_ONCE = 1000
# Alerting handles so many more outcomes in a second than the pipeline makes: mentions in its topic for each post in the other.
_OUTCOMES = 6
# Rules are evaluated once an hour of event time is over. Here months of it go by in seconds: they are left out.
_SELDOM = 60.0
_TRIES = 3
# Models that answer at once, so that a worker needs a core; and late, so that it needs a part of one, and cores are not in the way.
ANSWERS = (MILLISECONDS, 200.0)
# What the workers of a service read, and what sets their pace.
_READS: Mapping[str, Topic] = {"pipeline": POSTS, "alerting": OUTCOMES}

FIRST, LATE = (f"pipeline, models answer after {one:g} ms" for one in ANSWERS)

Say = Callable[[str], None]


def made_posts(settings: Settings, count: int) -> Iterator[Post]:
    """So many posts, those of the sample again and again under ids and with endings of their own, one a second."""
    sample = files.read(settings, str(SAMPLE), Columns(), None)
    begin = datetime(2026, 3, 1, tzinfo=UTC)
    for number in range(count):
        post, at = sample[number % len(sample)], begin + timedelta(seconds=number)
        yield msgspec.structs.replace(
            post, id=f"scale:{number}", text=f"{post.text} {number}", created_at=at, ingested_at=at
        )


class Bench:
    """Servers that stay, and instances under names of their own on them."""

    def __init__(self, settings: Settings, posts: int, answers: Sequence[float], say: Say) -> None:
        self._settings = settings
        self._answers = answers
        self._posts = posts
        self._say = say
        self.versions: dict[str, str] = {}

    def round(self, counts: Sequence[int], services: Sequence[str]) -> list[Series]:
        """Each service with each number of workers; of one that other work has disturbed, the least disturbed of some tries."""
        found = []
        with Stack(self._settings, servers=("kafka", "redis")) as servers:
            self.versions = {row.part.capitalize(): row.version for row in servers.rows() if row.version}
            for answer in self._answers:
                with fixed_triton(servers.context, self._settings.model_repository, answer) as triton:
                    for service, count in itertools.product(services, counts):
                        if service != "pipeline" and answer != self._answers[0]:
                            continue
                        tries: list[Series] = []
                        while len(tries) < _TRIES and not any(one.others < DISTURBED for one in tries):
                            tries.append(self._one(servers, triton, service, count, answer))
                        found.append(min(tries, key=lambda one: one.others))
        return found

    def _one(self, servers: Stack, triton: str, service: str, count: int, answer: float) -> Series:
        """One drain; of twice as many records where some workers were done with them before the others had begun."""
        posts = self._posts
        while (found := self._tried(servers, triton, service, count, answer, posts)) is None:
            posts *= 2
            self._say(f"{service}, {count} workers: done before all had begun, once more with {posts:,} posts")
        return found

    def _tried(self, servers: Stack, triton: str, service: str, count: int, answer: float, posts: int) -> Series | None:
        """One drain, under names of its own; None where it was over too soon."""
        name = f"scale-{uuid.uuid4().hex[:8]}"
        settings = self._settings.model_copy(
            update={
                **servers.addresses, "triton_url": triton, "topic_prefix": name, "redis_prefix": name,
                "data_dir": self._settings.data_dir / name, "evaluate_every": _SELDOM,
            }
        )  # fmt: skip
        env = environment(settings, {})
        run_to_end(servers.context, "topics", [sys.executable, "-m", "services.cli", "topics", "apply"], env)
        total = self._fill(settings, service, posts)
        drained = self._drain(settings, service, count, total, servers.pids())
        return drained and msgspec.structs.replace(drained, answer=answer if service == "pipeline" else None)

    def _fill(self, settings: Settings, service: str, posts: int) -> int:
        """Write what the service reads; how many records that is."""
        topic, total = _READS[service], 0
        if service == "pipeline":
            made = ((post.id, encode(post)) for post in made_posts(settings, posts))
        else:
            made = ((f"bench:{number}", one) for number, one in enumerate(outcomes(_OUTCOMES * posts)))
        outputs = (Output(topic, key, value, partition_of(key, topic.partitions)) for key, value in made)
        with Writer(settings, _STANDSTILL) as writer:
            while some := list(itertools.islice(outputs, _SENT_AT_ONCE)):
                writer.write(some)
                total += len(some)
        return total

    def _drain(
        self, settings: Settings, service: str, count: int, total: int, servers: Mapping[str, int]
    ) -> Series | None:
        workers = service_workers(**{service: count})
        with Stack(settings, servers=(), workers=workers) as stack, Progress(settings, service) as progress:
            pids = {**servers, **stack.pids()}
            while not (progress.shared(count) and progress.done() >= _FROM * total):
                stack.context.sleep(_LOOK)
                if progress.done() >= _TO * total:
                    return None
            began, before, cores, machine_before = time.monotonic(), progress.done(), used(pids), worked()
            moved = began
            done = before
            while done < _TO * total:
                stack.context.sleep(_LOOK)
                done, last = progress.done(), done
                moved = time.monotonic() if done > last else moved
                if time.monotonic() - moved > _STANDSTILL:
                    raise AdrwatchError(f"the workers of {service} stand still", fix="see their logs")
            seconds, after, machine_after = time.monotonic() - began, used(pids), worked()
            progress.until(total, stack.context.sleep)
        busy = {name: (after[name] - cores[name]) / seconds for name in after}
        # This process looks on, and takes its share.
        others = max(0.0, (machine_after - machine_before) / seconds - sum(busy.values()))
        series = Series(service=service, workers=count, rate=(done - before) / seconds, cores=busy, others=others)
        self._say(
            f"{service}, {count} workers: {series.rate:,.0f} records/s, {sum(busy.values()):.2f} cores busy, others {others:.2f}"
        )
        return series


class Progress:
    """How far the group of a service has come, as the broker knows it."""

    def __init__(self, settings: Settings, service: str) -> None:
        self._group = group_of(settings, service)
        self._name = _READS[service].name(settings.topic_prefix)
        self._admin = broker.connect(settings, broker.KafkaAdminClient)

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *exception: object) -> None:
        self._admin.close()

    def shared(self, workers: int) -> bool:
        """Whether so many workers have partitions."""
        found = broker.patiently(lambda: self._admin.describe_groups([self._group]))[self._group]
        given = [one for one in found["members"] if _partitions(one["member_assignment"])]
        return found["group_state"] == "Stable" and len(given) == workers

    def done(self) -> int:
        """Records that are committed."""
        offsets = broker.patiently(lambda: self._admin.list_group_offsets({self._group: None}))[self._group]
        return sum(at.offset for place, at in offsets.items() if place.topic == self._name and at.offset > 0)

    def until(self, count: int, sleep: Callable[[float], None]) -> None:
        """Wait for the commit of the last record. Raises AdrwatchError when it does not come."""
        deadline = time.monotonic() + _STANDSTILL
        while self.done() < count:
            if time.monotonic() > deadline:
                raise AdrwatchError(f"{count - self.done()} records are not committed", fix="see the workers' logs")
            sleep(_LOOK)


def _partitions(assignment: Any) -> Any:
    """What a member was given; empty before it was."""
    plain = assignment if isinstance(assignment, dict) else getattr(assignment, "to_dict", dict)()
    return plain.get("assigned_partitions")


def worked() -> float:
    """Seconds for which the machine's cores were not idle so far, those that its host took away included."""
    times = psutil.cpu_times()
    return float(sum(times) - times.idle - getattr(times, "iowait", 0.0) - getattr(times, "guest", 0.0))


def used(pids: Mapping[str, int]) -> dict[str, float]:
    """Seconds of processor time of each process and of all that it started, so far."""
    found = {}
    for name, pid in pids.items():
        process = psutil.Process(pid)
        times = [one.cpu_times() for one in (process, *process.children(recursive=True))]
        found[name] = sum(one.user + one.system for one in times)
    return found


def model_rates(settings: Settings, count: int) -> dict[str, Rate]:
    """Each model through the real Triton on this machine: posts a second of one instance on a core of its own."""
    posts = list(made_posts(settings, count))
    rates = {}
    with Stack(settings, servers=("triton",)) as stack:
        here = settings.model_copy(update=stack.addresses)
        for model, name in (("classifier", "adr_classifier"), ("extractor", "adr_ner")):
            total = model_rate(here, name, posts, 2)
            rates[model] = Rate(
                per_second=total / instances(settings, name), cores=1.0,
                source=f"benchmark: real Triton, {total:,.0f} posts/s of {instances(settings, name)} instances beside their client",
            )  # fmt: skip
    return rates


def instances(settings: Settings, model: str) -> int:
    """How many instances of a model Triton is told to run."""
    return int(sum(group.count for group in configurations(settings.model_repository)[model].instance_group))


def measured(found: Scaling, models: Mapping[str, Rate]) -> Measured:
    """The rates of one worker, for `adrwatch capacity`."""
    rates = {}
    for service, name in (("pipeline", FIRST), ("alerting", "alerting")):
        if not found.rates(name, 1):
            continue
        rate, cores = found.rate(name, 1), found.busy(name, 1)[service]
        about = f", models that answer after {MILLISECONDS:g} ms" if service == "pipeline" else ""
        rates[service] = Rate(per_second=rate, cores=round(cores, 2), source=f"benchmark: one worker{about}")
    return Measured(
        at=found.at, command=found.command, revision=found.revision, processor=found.machine.processor,
        cores=found.machine.cores, two_workers=found.times(LATE, 2) or found.times(FIRST, 2) or 1.0, rates={**rates, **models},
    )  # fmt: skip


def measure(
    posts: int,
    rounds: int,
    counts: Sequence[int],
    folder: Path,
    command: str,
    say: Say,
    services: Sequence[str] = tuple(_READS),
    answers: Sequence[float] = (MILLISECONDS,),
    **servers: str,
) -> Scaling:
    """Run all rounds, with servers of its own unless addresses are given.

    Raises AdrwatchError where the workers stand still, or were too quick for so few posts.
    """
    given = {"kafka_bootstrap": None, "redis_url": None, "triton_url": None, **servers}
    settings = load(data_dir=folder, **given)
    here, commit, at = machine(), revision(), now()
    bench = Bench(settings, posts, answers, say)
    series: list[Series] = []
    for number in range(rounds):
        # In turns: what the machine does beside does not meet one number only.
        series += bench.round(counts if number % 2 == 0 else counts[::-1], services)
    return Scaling(
        command=command, at=at, revision=commit, machine=here, versions={**versions(), **bench.versions}, posts=posts,
        series=tuple(series),
    )  # fmt: skip


@contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="adrwatch-scale-") as folder:
        yield Path(folder)


def bench(
    posts: Annotated[int, typer.Option(min=2_000, help="Posts that each number of workers gets.")] = 16_000,
    rounds: Annotated[int, typer.Option(min=1, help="How often each is measured.")] = 3,
    workers: Annotated[str, typer.Option(help="Numbers of workers, with commas between.")] = "1,2",
    services: Annotated[str, typer.Option(help="Which services, with commas between.")] = ",".join(_READS),
    model_posts: Annotated[int, typer.Option(min=0, help="Posts for the models alone; 0 leaves them out.")] = 3_000,
    out: Annotated[Path, typer.Option(help="The page to write.")] = PAGE,
    save: Annotated[Path, typer.Option(help="The rates to write, for `adrwatch capacity`.")] = SHIPPED,
) -> None:
    """Measure, then write the page and the rates.

    Example: python -m tests.benchmarks.scaling --posts 4000 --rounds 1
    """
    words = " ".join(Path(word).name if "/" in word else word for word in sys.argv[1:])
    command = f"make bench-scale{f' ARGS={words!r}' if words else ''}"
    counts = [int(number) for number in workers.split(",")]
    with _folder() as folder:
        found = measure(posts, rounds, counts, folder, command, typer.echo, services.split(","), ANSWERS)
        models: dict[str, Any] = {}
        if model_posts:
            settings = load(data_dir=folder / "models", kafka_bootstrap=None, redis_url=None, triton_url=None)
            models = model_rates(settings, model_posts)
    out.write_text(render(found), encoding="utf-8")
    rates = msgspec.json.format(msgspec.json.encode(measured(found, models)), indent=2)
    save.write_bytes(rates + b"\n")
    typer.echo(out.read_text(encoding="utf-8"))


if __name__ == "__main__":
    typer.run(bench)
