"""Takes files through the live product and through back-tests, and compares every outcome, mention and alert.

python -m tests.integration.compare_backtest posts.jsonl --limit 5000 --batch-sizes 1,7,64

Starts Kafka, Redis, Triton and the workers by itself, once for each batch size. Exit code 1 when anything differs.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import redis
from rich.table import Table

from deploy.local.stack import Stack
from deploy.local.workers import environment, service_workers
from deploy.reconcile.topics import Results
from shared.console import tables
from shared.events import Alert, Event, Mention, Outcome, decode
from shared.redis_keys import Keys
from shared.settings import Settings, load
from shared.signals.rules import load_rules
from shared.signals.windows import to_ms
from shared.topics import ALERTS, MENTIONS, OUTCOMES
from tests import topics

# So easy that sparse posts raise and escalate by the dozen; the windows are short, so that live lets go of buckets too.
EASY = {
    "time.windows_hours": "[24, 72]", "time.kept_lateness_hours": "24", "policy.raise_when": '"any"',
    "policy.authors": "1", "policy.cool_down_hours": "24", "policy.escalation_factor": "1.5",
    "evans.reports": "1", "evans.prr": "1.0", "evans.chi2": "0.0", "ror.reports": "1", "ror.lower": "0.5",
}  # fmt: skip
# Wall time after which a partition is idle: live has then closed what the last post closes.
IDLE = {"time.idle_seconds": "5"}
SECRET = "compares live and back-test"
# Nothing new for so long means that something is broken.
STANDSTILL = 180.0
KINDS: dict[str, type[Event]] = {"outcomes": Outcome, "mentions": Mention, "alerts": Alert}

Messages = dict[str, Any]
Say = Callable[[str], None]


@dataclass(frozen=True)
class Input:
    """Files of posts, the name of their source, and how many records of them are read."""

    files: tuple[str, ...]
    source: str = "replay"
    limit: int | None = None

    @property
    def words(self) -> tuple[str, ...]:
        """As `ingest replay` and `backtest` take them."""
        return (*self.named, *(("--limit", str(self.limit)) if self.limit else ()))

    @property
    def named(self) -> tuple[str, ...]:
        """The files and their source alone."""
        return (*self.files, "--source-name", self.source)


@dataclass(frozen=True)
class Found:
    """Messages by id and the account, of one way. `account` is empty where only a part of the files was read live.

    `again` are the alerts of a back-test over the outcomes and mentions that live has in its topics.
    """

    outcomes: Messages
    mentions: Messages
    alerts: Messages
    account: Messages
    again: Messages = field(default_factory=dict)


@dataclass(frozen=True)
class Difference:
    """How one kind of message compares: counts, ids of one way only, ids whose contents differ."""

    kind: str
    live: int
    tested: int
    only_live: tuple[str, ...]
    only_tested: tuple[str, ...]
    unequal: tuple[str, ...]

    @property
    def equal(self) -> bool:
        """Whether both ways gave the same."""
        return not (self.only_live or self.only_tested or self.unequal)


def compare(live: Found, tested: Found) -> list[Difference]:
    """Hold both ways against one another, message by message, all fields."""
    result = []
    for kind in KINDS:
        ours: Messages = getattr(live, kind)
        theirs: Messages = getattr(tested, kind)
        result.append(
            Difference(
                kind,
                len(ours),
                len(theirs),
                tuple(sorted(ours.keys() - theirs.keys())),
                tuple(sorted(theirs.keys() - ours.keys())),
                tuple(sorted(name for name in ours.keys() & theirs.keys() if ours[name] != theirs[name])),
            )
        )
    return result


def rule_file(folder: Path, **changes: Mapping[str, str]) -> Path:
    """A rule file with values changed; `changes` are tables of key to TOML value, the later ones win."""
    wanted = {key: value for table in changes.values() for key, value in table.items()}
    path = folder / f"rules-{'-'.join(changes)}.toml"
    path.write_text("".join(f"{key} = {value}\n" for key, value in wanted.items()), encoding="utf-8")
    return path


def command(env: Mapping[str, str], *words: str) -> str:
    """Run a command of the product to its end; gives its standard output."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith("ADRWATCH_")}
    done = subprocess.run(
        [sys.executable, "-m", "services.cli", *words],
        env={**plain, **env},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{words[0]} ended with {done.returncode}: {done.stderr[-2000:]}")
    return done.stdout


def by_backtest(folder: Path, posts: Input, rules: Path, batch_size: int) -> Found:
    """What `adrwatch backtest` gives, without the address of any server."""
    out = folder / f"tested-{rules.stem}-{batch_size}"
    env = {
        "ADRWATCH_AUTHOR_SECRET": SECRET,
        "ADRWATCH_SKETCH_SECRET": SECRET,
        "ADRWATCH_DATA_DIR": str(folder / "none"),
    }
    words = (*posts.words, "--rules", str(rules), "--batch-size", str(batch_size), "--out", str(out), "--json")
    result = json.loads(command(env, "backtest", *words))
    found = {"account": result["account"]}
    for kind, event in KINDS.items():
        lines = (out / f"{kind}.jsonl").read_bytes().splitlines()
        found[kind] = _by_id(decode(line, event) for line in lines)
    return Found(**found)


def by_live(
    folder: Path,
    posts: Input,
    rules: Path,
    batch_size: int,
    distinct: int,
    servers: Mapping[str, str],
    say: Say,
    quiet: float = 0.0,
) -> Found:
    """What a running instance has in its topics after a replay, when all is evaluated.

    `distinct` is the number of distinct posts, `servers` addresses by setting; what is missing is started. Before the replay
    the instance stands still for `quiet` seconds.
    """
    name = f"compare-{uuid.uuid4().hex[:8]}"
    data = folder / name
    settings = load(
        **servers, topic_prefix=name, redis_prefix=name, data_dir=data, rules_file=rules, batch_size=batch_size,
        author_secret=SECRET, sketch_secret=SECRET, evaluate_every=0.5,
    )  # fmt: skip
    with Stack(settings, workers=service_workers(pipeline=1, alerting=1), topics=True) as stack:
        settings = settings.model_copy(update=stack.addresses)
        time.sleep(quiet)
        env = environment(settings, stack.addresses)
        command(env, "ingest", "replay", *posts.words)
        _settle(settings, distinct, say)
        account = {} if posts.limit else json.loads(command(env, "reconcile", *posts.named, "--json"))
        again = json.loads(command(env, "backtest", "--topic", "outcomes", "--json"))["alerts"]
        kafka = stack.addresses["kafka_bootstrap"]
        stored = {topic: topics.records(kafka, topic.name(name)) for topic in (OUTCOMES, MENTIONS, ALERTS)}
    found = {"account": account, "again": _by_id(msgspec.convert(again, list[Alert]))}
    for kind, topic in zip(KINDS, stored, strict=True):
        latest: dict[bytes, Any] = {record.key: record.value for record in stored[topic]}
        found[kind] = _by_id(decode(value, topic.event) for value in latest.values() if value is not None)
    return Found(**found)


def _settle(settings: Settings, posts: int, say: Say) -> None:
    """Wait until every post has its outcome, nobody lags, and all buckets are evaluated that the last post closes."""
    time_rules = load_rules(settings.rules_file).time
    client: Any = redis.Redis.from_url(settings.require("redis_url"))
    moved, before = time.monotonic(), None
    with Results(settings) as results:
        while True:
            lag = results.lag()
            until = [int(value) for value in client.hvals(Keys(settings.redis_prefix).evaluated_until)]
            results.read()
            seen = results.seen
            state = (len(seen.statuses), lag, tuple(until), len(seen.alerts))
            closed = time_rules.closed_until(to_ms(max(seen.event_times.values()))) if seen.event_times else None
            if len(seen.statuses) >= posts and not lag and closed and until and min(until) >= closed:
                break
            if state != before:
                moved, before = time.monotonic(), state
                apart = (
                    (max(times) - min(times)).total_seconds() / 3600 if (times := seen.event_times.values()) else 0.0
                )
                say(f"{len(seen.statuses)} of {posts} posts, partitions {apart:.1f} h apart, {len(seen.alerts)} alerts")
            if time.monotonic() - moved > STANDSTILL:
                raise RuntimeError(f"nothing has moved for {STANDSTILL:.0f} s, see {settings.data_dir}")
            time.sleep(1.0)
    client.close()


def _by_id(events: Iterable[Any]) -> Messages:
    return {event.post_id if isinstance(event, Outcome) else event.id: event for event in events}


def table(title: str, differences: Sequence[Difference]) -> Table:
    """The comparison, a line for each kind of message."""
    result = Table(title=title)
    for column in ("", "live", "back-test", "only live", "only back-test", "contents differ"):
        result.add_column(column, justify="left" if not column else "right")
    for found in differences:
        numbers = (found.live, found.tested, len(found.only_live), len(found.only_tested), len(found.unequal))
        result.add_row(found.kind, *map(str, numbers))
    return result


def unequal_fields(live: Found, tested: Found, difference: Difference) -> dict[str, int]:
    """How many of the messages that differ do so in each field."""
    counts: dict[str, int] = {}
    for name in difference.unequal:
        one, other = (msgspec.structs.asdict(getattr(way, difference.kind)[name]) for way in (live, tested))
        for column in one:
            counts[column] = counts.get(column, 0) + (one[column] != other[column])
    return {column: count for column, count in counts.items() if count}


def main() -> None:
    """Compare, and print a table for each live run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "file", nargs="+", help="as for `adrwatch ingest replay`, whose other options may follow after --"
    )
    parser.add_argument("--limit", type=int, help="so many records of them")
    parser.add_argument("--batch-sizes", default="1,7,64", help="micro-batches of posts, live and tested")
    parser.add_argument("--rules", choices=("easy", "shipped"), default="easy", help="easy ones raise dozens of alerts")
    parser.add_argument(
        "--quiet", type=float, default=0.0, help="seconds that the instance stands still before the replay"
    )
    chosen = parser.parse_args()
    sizes = [int(size) for size in chosen.batch_sizes.split(",")]
    posts = Input(tuple(chosen.file), limit=chosen.limit)
    with tempfile.TemporaryDirectory(prefix="adrwatch-compare-") as name:
        folder = Path(name)
        rules = rule_file(folder, **({"easy": EASY} if chosen.rules == "easy" else {}), idle=IDLE)
        sys.exit(0 if _compare_all(folder, posts, rules, sizes, chosen.quiet) else 1)


def _compare_all(folder: Path, posts: Input, rules: Path, sizes: Sequence[int], quiet: float) -> bool:
    def say(text: str) -> None:
        print(text, file=sys.stderr, flush=True)

    tested: dict[int, Found] = {}
    for size in sizes:
        started = time.monotonic()
        tested[size] = by_backtest(folder, posts, rules, size)
        say(f"back-test with batches of {size}: {time.monotonic() - started:.0f} s")
    distinct = len(tested[sizes[0]].outcomes)
    equal = True
    with Stack(load(data_dir=folder / "servers")) as stack:
        for size in sizes:
            started = time.monotonic()
            live = by_live(folder, posts, rules, size, distinct, stack.addresses, say, quiet)
            say(f"live with batches of {size}: {time.monotonic() - started:.0f} s")
            for other in sizes:
                differences = compare(live, tested[other])
                tables().print(table(f"live with batches of {size}, back-test with {other}", differences))
                for difference in differences:
                    if difference.unequal:
                        print(f"{difference.kind} differ in {unequal_fields(live, tested[other], difference)}")
                equal = equal and all(difference.equal for difference in differences)
    return equal


if __name__ == "__main__":
    main()
