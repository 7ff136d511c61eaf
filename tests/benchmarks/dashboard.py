"""`make bench-dashboard`: how long people wait for pages of two made-up months, and for an alert that has just been written."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import httpx
import msgspec
import numpy as np
import typer

from deploy.local.stack import Stack
from deploy.local.workers import service_workers
from shared.broker import TopicReader
from shared.errors import AdrwatchError
from shared.events import encode
from shared.latest_alerts import LatestAlerts
from shared.settings import PACKAGE_ROOT, Settings, load
from shared.signals.rules import load_rules
from shared.stream import Output
from shared.topics import ALERTS
from shared.writer import Writer
from tests.benchmarks.dashboard_data import Sizes, fill
from tests.benchmarks.dashboard_users import PARTS, Waited, first_load
from tests.benchmarks.machine import machine, revision
from tests.benchmarks.page import table

PAGE = PACKAGE_ROOT / "docs" / "benchmarks" / "dashboard.md"
_SERVERS = ("kafka", "redis")
_PATIENCE = 120.0
_BETWEEN_ALERTS = 0.7
_TARGETS = {"alerts": (100, 250), "alert": (100, 250)}
_NAMES = {"alerts": "Alerts", "alert": "page of an alert", **{part: f"its part: {part}" for part in PARTS}}


@dataclass(frozen=True)
class Waits:
    """Milliseconds of one page; NaN where nothing was served."""

    served: int
    wrong: int
    p50: float
    p95: float
    p99: float
    server_p50: float = float("nan")
    server_p95: float = float("nan")
    server_p99: float = float("nan")

    @classmethod
    def of(cls, seconds: Sequence[float], wrong: int = 0, server: Sequence[float] = ()) -> Waits:
        """Of the seconds of each answer, and of those of the server: values that occurred, never between two."""
        return cls(len(seconds), wrong, *_quantiles(seconds), *_quantiles(server))


def _quantiles(seconds: Sequence[float]) -> tuple[float, ...]:
    if not seconds:
        return (float("nan"),) * 3
    return tuple(map(float, np.quantile(seconds, (0.5, 0.95, 0.99), method="inverted_cdf") * 1000))


@dataclass(frozen=True)
class Found:
    """What was measured: `thinking` and `hasty` by page, `live` from an alert's writing to a browser's knowing of it."""

    thinking: dict[str, Waits]
    hasty: dict[str, Waits]
    live: Waits
    first_load_bytes: int


@contextmanager
def dashboard(settings: Settings, folder: Path, sizes: Sizes) -> Iterator[tuple[Settings, str]]:
    """The dashboard over made-up months, with servers of its own where the settings name none: its settings, its address."""
    servers = settings.model_copy(update={"data_dir": folder / "servers"})
    with Stack(servers, servers=_SERVERS, topics=True) as beneath:
        own = settings.model_copy(
            update={**beneath.addresses, "data_dir": folder / "dashboard", "dashboard_access": "development"}
        )
        own.data_dir.mkdir()
        written = fill(own, load_rules(own.rules_file), sizes)
        with Stack(own, servers=_SERVERS, workers=service_workers(dashboard=1)) as stack:
            [address] = [row.address for row in stack.rows() if row.part == "dashboard-1"]
            _wait(address, written["alerts"])
            yield own, address


def _wait(address: str, alerts: int) -> None:
    """Until it knows all alerts, counts and posts. Raises AdrwatchError where it does not come to that."""
    with httpx.Client(base_url=address, timeout=_PATIENCE) as client:
        deadline = time.monotonic() + _PATIENCE
        while time.monotonic() < deadline:
            known = client.get("/api/v1/alerts", params={"limit": 1})
            if known.status_code == 200 and client.get("/api/v1/drugs").status_code == 200:
                [one] = known.json()["items"]
                posts = client.get(f"/alerts/{one['id']}/evidence", headers={"HX-Request": "true"})
                if posts.status_code == 200 and "still being read" not in posts.text:
                    return
            time.sleep(0.2)
    raise AdrwatchError(
        f"the dashboard does not know {alerts:,} alerts and their counts after {_PATIENCE:.0f} s",
        fix="see the log of the worker dashboard-1",
    )


@contextmanager
def users_at(address: str, users: int, seconds: float, *, think: bool) -> Iterator[dict[str, Waits]]:
    """So many users, in a process of their own, while the block runs; what they waited is there after it."""
    command = [
        *(sys.executable, "-m", "tests.benchmarks.dashboard_users", address, "--users", str(users)),
        *("--seconds", str(seconds), "--think" if think else "--no-think"),
    ]
    waits: dict[str, Waits] = {}
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=PACKAGE_ROOT) as process:
        try:
            yield waits
            output, _ = process.communicate(timeout=seconds + _PATIENCE)
        finally:
            process.kill()
    if process.returncode:
        raise AdrwatchError("the users of the dashboard ended without their figures", fix="see what they wrote above")
    waited = Waited(**json.loads(output))
    for page in _NAMES:
        waits[page] = Waits.of(waited.seconds.get(page, ()), waited.wrong.get(page, 0), waited.served.get(page, ()))


def seen_after(settings: Settings, address: str, seconds: float) -> list[float]:
    """Write new alerts for so many seconds; after how many seconds a browser that follows heard of each."""
    with TopicReader(settings, ALERTS) as reader:
        latest = LatestAlerts()
        for record in reader.to_end():
            latest.apply(record)
    model = latest.all()[0]
    written: dict[str, float] = {}
    heard: dict[str, float] = {}
    follows, over = threading.Event(), threading.Event()

    def follow() -> None:
        with httpx.stream("GET", f"{address}/alerts/live", timeout=_PATIENCE) as events:
            for line in events.iter_lines():
                follows.set()
                # Some tell of no alert, but of how the stream itself stands.
                if line.startswith("data:") and (name := json.loads(line.removeprefix("data:")).get("id")):
                    heard.setdefault(name, time.monotonic())
                    if over.is_set() and written.keys() <= heard.keys():
                        return

    thread = threading.Thread(target=follow, daemon=True)
    thread.start()
    if not follows.wait(_PATIENCE):
        raise AdrwatchError("the dashboard sends no events", fix="see the log of the worker dashboard-1")
    until = time.monotonic() + seconds
    with Writer(settings, _PATIENCE) as writer:
        while not over.is_set():
            # The last one is written when nothing else is to come, so that the thread hears of the end.
            if time.monotonic() + _BETWEEN_ALERTS >= until:
                over.set()
            name = f"made-up-{len(written)}"
            written[name] = time.monotonic()
            writer.write([Output(ALERTS, name, encode(msgspec.structs.replace(model, id=name)))])
            time.sleep(_BETWEEN_ALERTS)
    thread.join(_PATIENCE)
    if missing := written.keys() - heard.keys():
        raise AdrwatchError(
            f"of {len(written)} alerts {len(missing)} were never told", fix="this is a fault: report it"
        )
    return [heard[name] - at for name, at in written.items()]


def measure(settings: Settings, folder: Path, sizes: Sizes, users: int, seconds: float) -> Found:
    """All of it. Raises AdrwatchError where a part cannot run."""
    with dashboard(settings, folder, sizes) as (own, address):
        size = first_load(address)
        with users_at(address, users, seconds, think=True) as thinking:
            live = seen_after(own, address, seconds)
        with users_at(address, users, seconds, think=False) as hasty:
            pass
    return Found(thinking, hasty, Waits.of(live), size)


def render(found: Found, sizes: Sizes, users: int, seconds: float) -> str:
    """The page as Markdown."""
    here = machine()
    lines = [
        "# How long people wait for the dashboard",
        "",
        "Made by `make bench-dashboard`; do not edit. One worker of the dashboard over two made-up months; users in a process of",
        "their own on the same machine. Each opens the list of alerts, an alert of it, and what a browser then asks for by itself,",
        "over and over. Milliseconds at the server, as its header `Server-Timing` says them, from the request to the beginning of",
        "its answer; and at the client, from the request to the last byte of the answer: there the twenty share one interpreter,",
        "which reads and takes apart what comes on the same two cores. Posts lie in adr.posts in batches of 20, as sources that",
        "hear some a second write them.",
        "",
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, revision {revision()}, {here.processor}, {here.cores} cores, load after the run "
        f"{here.load:.2f}; {sizes.mentions:,} mentions, {sizes.pairs:,} pairs, {sizes.dossiers:,} cases and reviews; "
        f"{users} users, {seconds:g} s each.",
        "",
        "## Pauses of 0.5 to 1.5 s between pages",
        "",
        _waits(found.thinking),
        "",
        "## No pauses",
        "",
        _waits(found.hasty),
        "",
        "## First load, and what is new",
        "",
        f"A browser that has nothing of it yet is sent {found.first_load_bytes / 1000:.0f} kB for the list of alerts (wanted: at",
        "most 300 kB). From an alert's writing into its topic to a browser's knowing of it, while users with pauses work,",
        f"{found.live.served} alerts: p50 {found.live.p50 / 1000:.2f} s, p95 {found.live.p95 / 1000:.2f} s (wanted: at most "
        f"2 s), p99 {found.live.p99 / 1000:.2f} s.",
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


def _waits(waits: dict[str, Waits]) -> str:
    rows = [
        (
            _NAMES[page] + (f" (wanted: p95 {_TARGETS[page][0]}, p99 {_TARGETS[page][1]})" if page in _TARGETS else ""),
            f"{one.served:,}", f"{one.wrong:,}", f"{one.server_p50:.0f}", f"{one.server_p95:.0f}", f"{one.server_p99:.0f}",
            f"{one.p50:.0f}", f"{one.p95:.0f}", f"{one.p99:.0f}",
        )
        for page, one in waits.items()
    ]  # fmt: skip
    head = ("", "answers", "not served", "server p50, ms", "p95, ms", "p99, ms", "client p50, ms", "p95, ms", "p99, ms")
    return table(head, rows).rstrip()


def bench(
    mentions: Annotated[int, typer.Option(min=100, help="Mentions of the made-up months.")] = Sizes.mentions,
    pairs: Annotated[int, typer.Option(min=1, help="Of how many pairs.")] = Sizes.pairs,
    dossiers: Annotated[int, typer.Option(min=1, help="Cases and reviews.")] = Sizes.dossiers,
    users: Annotated[int, typer.Option(min=1, help="Users at once.")] = 20,
    seconds: Annotated[float, typer.Option(min=1, help="How long they work, with pauses and without.")] = 60.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print the figures as JSON, and write no page.")] = False,
    out: Annotated[Path, typer.Option(help="The page to write.")] = PAGE,
) -> None:
    """Let users work at a dashboard with servers of its own; write how long they wait.

    Example: python -m tests.benchmarks.dashboard --users 50 --seconds 30
    """
    sizes = Sizes(mentions=mentions, pairs=pairs, dossiers=dossiers)
    with tempfile.TemporaryDirectory() as folder:
        found = measure(load(kafka_bootstrap=None, redis_url=None), Path(folder), sizes, users, seconds)
    if as_json:
        typer.echo(json.dumps(asdict(found)))
        return
    out.write_text(render(found, sizes, users, seconds), encoding="utf-8")
    typer.echo(out.read_text(encoding="utf-8"))


if __name__ == "__main__":
    typer.run(bench)
