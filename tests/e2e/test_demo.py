"""The demo as a newcomer runs it: real Kafka, Redis, Triton, models and workers, and nothing left behind."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from deploy.demo import sample

TRUTH = sample.load(spoken=True)
LINE = re.compile(r"posts=(\d+) .*lost=(\d+)")
# Far beyond what a loaded machine needs; only a demo that hangs meets them.
LONGEST = 600
GONE_WITHIN = 30


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """The demo's TMPDIR, by which all its processes are known; those that a failed test leaves are killed."""
    yield tmp_path
    for number in processes_of(tmp_path):
        os.kill(number, signal.SIGKILL)


def environment(folder: Path) -> dict[str, str]:
    return {**os.environ, "TMPDIR": str(folder), "COLUMNS": "200"}


def start(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "services.cli", "demo", *arguments],
        env=environment(folder),
        stdout=subprocess.PIPE,
        stderr=(folder / "progress.txt").open("w"),
        text=True,
    )


def processes_of(folder: Path) -> dict[int, str]:
    """Process ids and command lines."""
    found = {}
    for process in psutil.process_iter():
        try:
            if process.environ().get("TMPDIR") == str(folder) and process.status() != psutil.STATUS_ZOMBIE:
                found[process.pid] = " ".join(process.cmdline())
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return found


def assert_nothing_is_left(folder: Path) -> None:
    deadline = time.monotonic() + GONE_WITHIN
    while (left := processes_of(folder)) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert left == {}
    assert list(folder.glob("adrwatch-demo-*")) == []


def told(folder: Path) -> str:
    return (folder / "progress.txt").read_text()


def test_once_it_finds_what_was_planted_loses_nothing_and_leaves_no_process(folder: Path) -> None:
    demo = start(folder, "--once")
    out, _ = demo.communicate(timeout=LONGEST)
    assert demo.returncode == 0, out + told(folder)
    numbers = dict(part.split("=") for part in out.splitlines()[-1].split())
    broken = sum(TRUTH.broken.values())
    assert int(numbers["posts"]) == TRUTH.rows + broken
    assert int(numbers["duplicates"]) == len(TRUTH.redelivered)
    assert int(numbers["screened"]) + int(numbers["classified"]) == TRUTH.posts
    assert int(numbers["dead_letters"]) == broken
    assert int(numbers["single_reports"]) == 1
    assert int(numbers["alerts"]) >= len(TRUTH.signals)
    assert numbers["lost"] == "0"
    for signal_ in TRUTH.signals:
        assert re.search(rf"{signal_.drug.label} - {signal_.reaction.label} .*found", out)
    assert "MISSED" not in out
    assert "ALERTED" not in out
    assert_nothing_is_left(folder)


def test_it_stays_up_for_questions_until_it_is_stopped(folder: Path) -> None:
    demo = start(folder)
    assert demo.stdout is not None
    lines = []
    for line in demo.stdout:
        lines.append(line)
        if LINE.match(line):
            break
    assert lines, told(folder)
    assert LINE.match(lines[-1]), "".join(lines) + told(folder)
    (data_dir,) = folder.glob("adrwatch-demo-*")
    # Another terminal, with what the demo says to set there.
    answer = subprocess.run(
        [sys.executable, "-m", "services.cli", "alerts", "list", "--json"],
        env={**environment(folder), "ADRWATCH_DATA_DIR": str(data_dir)},
        capture_output=True,
        text=True,
        check=True,
    )
    alerts = [json.loads(line) for line in answer.stdout.splitlines()]
    alerted = [(alert["drug"]["id"], alert["reaction"]["id"]) for alert in alerts]
    assert {signal_.pair for signal_ in TRUTH.signals} <= set(alerted)
    # Posts of four languages hold a part each of the last one: it is one alert, of reports in all four.
    *_, shared = TRUTH.signals
    assert alerted.count(shared.pair) == 1
    [pages] = {found[1] for line in lines if (found := re.search(r"the dashboard is at (http://\S+):", line))}
    shown = httpx.get(f"{pages}/alerts").text
    assert "Development mode" in shown
    for signal_ in TRUTH.signals:
        assert f"{signal_.drug.label} – {signal_.reaction.label}" in shown
    demo.send_signal(signal.SIGINT)
    rest, _ = demo.communicate(timeout=LONGEST)
    assert demo.returncode == 0, told(folder)
    assert rest == ""
    assert f"ADRWATCH_DATA_DIR={data_dir}" in told(folder)
    assert_nothing_is_left(folder)


def test_a_ctrl_c_while_it_starts_stops_what_was_started(folder: Path) -> None:
    demo = start(folder, "--once")
    deadline = time.monotonic() + LONGEST
    while not any("kafka.Kafka" in command for command in processes_of(folder).values()):
        assert demo.poll() is None, told(folder)
        assert time.monotonic() < deadline, told(folder)
        time.sleep(0.05)
    demo.send_signal(signal.SIGINT)
    demo.communicate(timeout=LONGEST)
    assert demo.returncode == 130, told(folder)
    assert_nothing_is_left(folder)
