"""Measures what Faust loses in each of the obvious uses, on the broker given; prints the table of docs/faust.md.

python -m tests.faults.measure_faust --kafka 127.0.0.1:9092
"""

from __future__ import annotations

import argparse
import signal
import subprocess
import tempfile
import time
import uuid
from dataclasses import dataclass
from pathlib import Path

from tests import topics
from tests.faults import ledger

MESSAGES = 200
POISON = {57, 121}


@dataclass(frozen=True)
class Case:
    """`name` is the case of `bare_faust`; `fault` is sent once a quarter of the messages is handled, or at the end."""

    name: str
    what: str
    fault: signal.Signals = signal.SIGTERM
    poisoned: bool = False
    midway: bool = False


CASES = (
    Case("exception-in-take", "an exception leaves a `take` body", poisoned=True),
    Case("exception-in-async-for", "an exception leaves an `async for` body", poisoned=True),
    Case("exception-in-noack-take", "an exception leaves a `noack_take` body", poisoned=True),
    Case("garbage-on-typed-topic", "garbage on a typed topic with `take`", poisoned=True),
    Case("concurrency-and-kill", "`concurrency=8`, kill -9", signal.SIGKILL, midway=True),
    Case("stop-with-wait", "SIGTERM, `stream_wait_empty=True`", midway=True),
    Case("stop-without-wait", "SIGTERM, `stream_wait_empty=False`", midway=True),
)


def handled(file: Path) -> set[bytes]:
    """Distinct values in a ledger."""
    return set(file.read_bytes().splitlines()) if file.exists() else set()


def quiet(file: Path, seconds: float) -> None:
    """Wait until the ledger has not grown for a while."""
    size, since = -1, time.monotonic()
    while time.monotonic() - since < seconds:
        now = file.stat().st_size if file.exists() else 0
        if now != size:
            size, since = now, time.monotonic()
        time.sleep(0.2)


def measure(case: Case, kafka: str, folder: Path) -> tuple[int, int, str]:
    """(handled under the fault, lost for good, how the worker ended) for one case.

    Lost for good is what a later, faultless worker of the same group never gets, the record that raised included.
    """
    topic = f"case-{uuid.uuid4().hex[:8]}"
    topics.make(kafka, {topic: 4})
    values = [b'{"n": %d}' % n for n in range(MESSAGES)]
    for n in POISON if case.poisoned else ():
        values[n] = b"poison-%d" % n
    ledger.produce(kafka, topic, values, 4)
    book = folder / f"{topic}.ledger"
    log = folder / f"{topic}.log"
    process = ledger.start("tests.faults.bare_faust", {}, log, case.name, kafka, topic, str(book))
    ledger.wait_for(lambda: bool(handled(book)), "the first message")
    if case.midway:
        ledger.wait_for(lambda: len(handled(book)) >= MESSAGES // 4, "a quarter of the messages")
        time.sleep(0.7)
    else:
        quiet(book, 8)
    under_fault = len(handled(book))
    process.send_signal(case.fault)
    ended = "at once" if case.fault == signal.SIGKILL else stopped(process)
    process.wait()
    clean = ledger.start("tests.faults.bare_faust", {}, log, "clean", kafka, topic, str(book))
    time.sleep(15)
    quiet(book, 8)
    clean.terminate()
    stopped(clean)
    return under_fault, len(set(values) - handled(book)), ended


def stopped(process: subprocess.Popen[bytes]) -> str:
    """Wait for a worker that was told to stop, and say how it ended."""
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return "hangs on SIGTERM"
    return "stopped"


def main() -> None:
    """Run every case and print the table as Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kafka", required=True, help="host:port of a broker that may be filled with topics")
    kafka = parser.parse_args().kafka
    print("| case | handled under the fault | lost for good | how the worker ended |\n|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for case in CASES:
            under, lost, ended = measure(case, kafka, Path(folder))
            print(f"| {case.what} | {under} of {MESSAGES} | {lost} | {ended} |", flush=True)


if __name__ == "__main__":
    main()
