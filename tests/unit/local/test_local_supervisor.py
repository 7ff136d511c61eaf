from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence

import pytest

from deploy.local import supervisor as module
from deploy.local.processes import Context, Process
from deploy.local.supervisor import BACK_OFF, FAILED_CHECKS, Supervisor
from shared.errors import AdrwatchError, DependencyAway

SLEEP = (sys.executable, "-c", "import time; time.sleep(600)")
END = (sys.executable, "-c", "raise SystemExit(7)")


class FakePart:
    """A part whose process, checks and restarts a test decides."""

    found = version = address = ""

    def __init__(self, context: Context, name: str, command: Sequence[str] = SLEEP) -> None:
        self.name = name
        self.log = context.log(name)
        self.command = command
        self.restarts = 0
        self.broken = False
        self.refuses = 0
        self.process: Process | None = Process(name, command, self.log)

    def restart(self) -> None:
        self.stop()
        if self.refuses:
            self.refuses -= 1
            raise AdrwatchError(f"{self.name} ended while starting")
        self.restarts += 1
        self.broken = False
        self.process = Process(self.name, self.command, self.log)

    def check(self) -> None:
        if self.broken:
            raise DependencyAway("does not answer")

    def stop(self) -> None:
        if self.process:
            self.process.stop(0.1)


Start = Callable[[Sequence[FakePart], Sequence[FakePart]], Supervisor]


@pytest.fixture
def start(context: Context, monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    monkeypatch.setattr(module, "BACK_OFF", tuple(0.01 for _ in BACK_OFF))
    monkeypatch.setattr(module, "POLL", 0.01)
    monkeypatch.setattr(module, "CHECK", 0.02)
    started: list[tuple[Supervisor, list[FakePart]]] = []

    def begin(servers: Sequence[FakePart], workers: Sequence[FakePart]) -> Supervisor:
        supervisor = Supervisor(context, servers, workers)
        supervisor.start()
        started.append((supervisor, [*servers, *workers]))
        return supervisor

    yield begin
    context.cancelled.set()
    for supervisor, parts in started:
        supervisor.join()
        for part in parts:
            part.stop()


def until(true: Callable[[], object]) -> None:
    end = time.monotonic() + 60
    while not true():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_a_dead_part_is_started_again(context: Context, start: Start, said: list[str]) -> None:
    part = FakePart(context, "worker")
    supervisor = start([], [part])
    supervisor.kill(part)
    until(lambda: part.restarts == 1 and supervisor.state("worker") == "running")
    assert "worker: ended with status -9; starting it again in 0.01 s" in said


def test_the_end_of_a_part_on_a_full_disk_names_the_disk(
    context: Context, start: Start, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SCARCE", 1 << 80)
    part = FakePart(context, "kafka", END)
    supervisor = start([part], [])
    until(context.cancelled.is_set)
    assert any("MiB are free under" in text and str(context.data_dir) in text for text in said)
    assert "MiB are free" in str(supervisor.failure)


def test_kills_on_purpose_never_count_as_failing(context: Context, start: Start) -> None:
    part = FakePart(context, "worker")
    supervisor = start([], [part])
    for number in range(1, len(BACK_OFF) + 3):
        supervisor.kill(part)
        until(lambda number=number: part.restarts == number and supervisor.state("worker") == "running")
    assert supervisor.failure is None


def test_a_part_that_keeps_ending_is_an_error_and_ends_all(context: Context, start: Start) -> None:
    part = FakePart(context, "worker", END)
    supervisor = start([], [part])
    until(context.cancelled.is_set)
    assert "worker keeps ending: ended with status 7" in str(supervisor.failure)
    assert str(part.log) in str(supervisor.failure)


def test_a_part_that_cannot_be_started_again_is_an_error(context: Context, start: Start) -> None:
    part = FakePart(context, "redis")
    part.refuses = len(BACK_OFF) + 1
    supervisor = start([part], [])
    supervisor.kill(part)
    until(context.cancelled.is_set)
    assert "redis cannot be started again: redis ended while starting" in str(supervisor.failure)


def test_a_live_part_that_does_not_work_is_started_again(context: Context, start: Start, said: list[str]) -> None:
    part = FakePart(context, "redis")
    part.broken = True
    start([part], [])
    until(lambda: part.restarts == 1)
    assert FAILED_CHECKS > 1
    assert any("does not answer" in text for text in said)


def test_a_worker_waits_until_the_servers_are_back(context: Context, start: Start) -> None:
    server, worker = FakePart(context, "kafka"), FakePart(context, "worker")
    server.refuses = 3
    order: list[str] = []
    for part in (server, worker):
        restart = part.restart

        def noted(part: FakePart = part, restart: Callable[[], None] = restart) -> None:
            restart()
            order.append(part.name)

        part.restart = noted  # type: ignore[method-assign]
    supervisor = start([server], [worker])
    supervisor.kill(server)
    until(lambda: supervisor.state("kafka") == "restarting")
    supervisor.kill(worker)
    until(lambda: order == ["kafka", "worker"])


def test_a_fault_of_the_launcher_itself_is_not_lost(context: Context, start: Start) -> None:
    part = FakePart(context, "redis")

    def fail() -> None:
        raise RuntimeError("a bug")

    part.check = fail  # type: ignore[method-assign]
    supervisor = start([part], [])
    until(context.cancelled.is_set)
    assert isinstance(supervisor.failure, RuntimeError)
