"""`make soak`: the whole product at a steady load for long, watched for what grows. Exit code 1 where a verdict fails."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from deploy.demo.sample import POSTS as SAMPLE
from deploy.local.stack import Stack
from deploy.local.workers import service_workers
from services.ingest.columns import Columns
from shared.errors import AdrwatchError
from shared.events import Post, encode, now
from shared.settings import Settings, load
from shared.stream import Output
from shared.topics import POSTS, partition_of
from shared.writer import Writer
from tests.benchmarks import posts as files
from tests.benchmarks.machine import machine, revision, versions
from tests.benchmarks.scaling import Progress
from tests.soak.load import Load, numbered
from tests.soak.report import Soak
from tests.soak.report import write as write_report
from tests.soak.samples import Looker, Sample
from tests.soak.samples import write as write_samples
from tests.soak.verdicts import Limits, Verdict, after, judge, lost

_SHARE = 0.7
_WARM_UP = 0.25
# As many samples as that, whatever the length.
_SAMPLES = 200
# Windows that are full when the warm-up is over; hours of event time.
_KEPT_HOURS = 90
_RULES = "time.windows_hours = [6, 48]\ntime.kept_lateness_hours = 24\npolicy.cool_down_hours = 12\nnear.hours = 24\n"
_CALIBRATION = 1_500
_PATIENCE = 120.0

Say = Callable[[str], None]


class Result(msgspec.Struct, frozen=True):
    """What a soak came to."""

    soak: Soak
    samples: list[Sample]
    verdicts: list[Verdict]
    gone: list[str]

    @property
    def passed(self) -> bool:
        """Whether no verdict failed, no process ended, and every post has its outcome."""
        return (
            not self.gone
            and all(one.passed is not False for one in self.verdicts)
            and self.soak.outcomes == self.soak.sent
        )


def soak(
    settings: Settings, minutes: float, rate: float | None, limits: Limits, command: str, say: Say, workers: int = 1
) -> Result:
    """Run it. Raises AdrwatchError where something cannot start or stands still."""
    here, commit, at = machine(), revision(), now()
    seconds = minutes * 60
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    rules = settings.data_dir / "rules.toml"
    rules.write_text(_RULES, encoding="utf-8")
    settings = settings.model_copy(update={"rules_file": rules})
    sample = files.read(settings, str(SAMPLE), Columns(), None)
    # Event time begins so long ago that it does not come to the present.
    faster = _KEPT_HOURS * 3600 / (seconds * _WARM_UP)
    begin = now() - timedelta(seconds=seconds * faster + 3600)
    started = service_workers(pipeline=workers, alerting=1, cases=1, dashboard=1)
    with Stack(settings, workers=started, topics=True, say=lambda text: say(f"  {text}")) as stack:
        found = {row.part.capitalize(): row.version for row in stack.rows() if row.version}
        here_settings = settings.model_copy(update=stack.addresses)
        capacity = None
        if rate is None:
            capacity = calibrate(here_settings, sample, begin - timedelta(hours=1))
            rate = _SHARE * capacity
            say(f"measured {capacity:,.0f} posts/s; the load is {rate:,.1f}")
        samples: list[Sample] = []
        with Looker(here_settings) as looker:
            before = looker.look(stack.pids(), 0)
            with Load(here_settings, sample, rate, begin, faster) as load_:
                began = time.monotonic()
                while (passed := time.monotonic() - began) < seconds:
                    if load_.failed:
                        raise load_.failed
                    samples.append(looker.look(stack.pids(), load_.sent))
                    say(_line(samples[-1], seconds))
                    stack.context.sleep(min(seconds / _SAMPLES, max(0.0, seconds - passed)))
            sent = load_.sent
            last = _drained(looker, stack, before, sent)
    steady = after(samples, _WARM_UP * seconds)
    told = Soak(
        command=command, at=at, revision=commit, machine=here, versions={**versions(), **found}, minutes=minutes,
        warm_up=_WARM_UP * seconds, rate=rate, capacity=capacity, sent=sent,
        outcomes=last.topics["outcomes"] - before.topics["outcomes"],
        dead_letters=last.topics["dead-letters"] - before.topics["dead-letters"],
    )  # fmt: skip
    return Result(told, samples, judge(steady, rate, limits), lost(samples))


def calibrate(settings: Settings, posts: list[Post], at: datetime) -> float:
    """Posts a second that the pipeline handles when it has all it asks for; posts of one moment."""
    with Progress(settings, "pipeline") as progress, Writer(settings, _PATIENCE) as writer:
        for start in range(0, _CALIBRATION, 500):
            made = [numbered(posts[n % len(posts)], f"calibration:{n}", n, at) for n in range(start, start + 500)]
            writer.write(Output(POSTS, one.id, encode(one), partition_of(one.id, POSTS.partitions)) for one in made)
        while progress.done() < _CALIBRATION // 3:
            time.sleep(0.1)
        began, done = time.monotonic(), progress.done()
        progress.until(_CALIBRATION, time.sleep)
        return (_CALIBRATION - done) / (time.monotonic() - began)


def _drained(looker: Looker, stack: Stack, before: Sample, sent: int) -> Sample:
    """The look at which all is read."""
    deadline = time.monotonic() + _PATIENCE
    while True:
        found = looker.look(stack.pids(), sent)
        if not any(found.lag.values()) and found.topics["outcomes"] - before.topics["outcomes"] >= sent:
            return found
        if time.monotonic() > deadline:
            raise AdrwatchError(
                f"{sent - found.topics['outcomes'] + before.topics['outcomes']} posts have no outcome after "
                f"{_PATIENCE:g} s, {sum(found.lag.values())} records are unread",
                fix=f"see the logs in {stack.context.data_dir / 'logs'}",
            )
        stack.context.sleep(1.0)


def _line(one: Sample, seconds: float) -> str:
    memory = ", ".join(f"{name} {use.memory >> 20}" for name, use in one.processes.items())
    return f"{one.at:6.0f} of {seconds:.0f} s: {one.sent:,} posts, lag {one.lag}, {one.keys:,} keys, MiB: {memory}"


def main(
    minutes: Annotated[float, typer.Option(min=0.1, help="How long.")] = 120.0,
    rate: Annotated[
        float | None, typer.Option(min=0.1, help="Posts a second [default: 70 % of what is measured]")
    ] = None,
    workers: Annotated[int, typer.Option(min=1, help="Workers of the pipeline.")] = 1,
    memory: Annotated[float, typer.Option(help="MiB an hour that a process may grow.")] = Limits().memory_mib_hour,
    lag: Annotated[float, typer.Option(help="Seconds of the load that may be unread.")] = Limits().lag_seconds,
    out: Annotated[Path, typer.Option(help="Folder of the report.")] = Path(".adrwatch/soak"),
) -> None:
    """Run the product at a steady load, and judge what grows.

    Example: python -m tests.soak.run --minutes 20
    """
    # What an earlier soak left would be counted in.
    shutil.rmtree(out / "data", ignore_errors=True)
    settings = load(
        data_dir=out / "data", kafka_bootstrap=None, redis_url=None, triton_url=None, dashboard_access="development"
    )
    command = f"make soak MINUTES={minutes:g}"
    limits = Limits(memory_mib_hour=memory, lag_seconds=lag)
    found = soak(settings, minutes, rate, limits, command, typer.echo, workers)
    write_samples(out / "samples.jsonl", found.samples)
    page = write_report(out, found.soak, found.samples, found.verdicts)
    typer.echo(page.read_text(encoding="utf-8"))
    for name in found.gone:
        typer.echo(f"{name} ended", err=True)
    if not found.passed:
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
