from __future__ import annotations

import signal
import socket
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

from deploy.local import processes
from deploy.local.processes import (
    HOST,
    CommandError,
    Context,
    Process,
    StartCancelledError,
    choose_port,
    run_to_end,
    telling_line,
)
from shared.errors import AdrwatchError

SLEEP = [sys.executable, "-c", "import time; time.sleep(600)"]
STUBBORN = [
    sys.executable,
    "-c",
    "import signal, subprocess, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
    "print(subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']).pid, flush=True); time.sleep(600)",
]


def test_a_command_that_ends_well_gives_its_output(context: Context) -> None:
    assert run_to_end(context, "greet", [sys.executable, "-c", "print('hello')"]) == "hello\n"


def test_a_command_that_fails_is_told_by_its_telling_line(context: Context) -> None:
    with pytest.raises(CommandError, match="greet: exit status 3: ERROR: no such package") as caught:
        run_to_end(
            context, "greet", [sys.executable, "-c", "print('ERROR: no such package\\nbye'); raise SystemExit(3)"]
        )
    assert str(context.log("greet")) in caught.value.fix


def test_a_missing_program_is_an_error_with_its_name(context: Context) -> None:
    with pytest.raises(CommandError, match="no-such-program: No such file"):
        run_to_end(context, "greet", ["no-such-program"])


def test_a_command_that_hangs_is_ended(context: Context) -> None:
    with pytest.raises(CommandError, match="no end after"):
        run_to_end(context, "greet", SLEEP, timeout=0.1)


def test_only_the_output_of_this_run_is_told(context: Context) -> None:
    run_to_end(context, "greet", [sys.executable, "-c", "print('first')"])
    assert run_to_end(context, "greet", [sys.executable, "-c", "print('second')"]) == "second\n"


def test_the_wish_to_stop_ends_a_running_command(context: Context) -> None:
    threading.Timer(0.2, context.cancelled.set).start()
    with pytest.raises(StartCancelledError):
        run_to_end(context, "greet", SLEEP)


def test_stopping_ends_a_stubborn_process_and_its_children(context: Context) -> None:
    process = Process("stubborn", STUBBORN, context.log("stubborn"))
    while not process.output().strip():
        time.sleep(0.02)
    child = psutil.Process(int(process.output()))
    process.stop(grace=0.1)
    assert process.poll() == -signal.SIGKILL
    child.wait(30)
    process.stop(grace=0.1)


def test_a_log_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(AdrwatchError, match="cannot be started"):
        Process("any", SLEEP, tmp_path / "file" / "any.log")


def test_a_taken_port_is_replaced_and_said(context: Context, said: list[str]) -> None:
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        taken.listen()
        usual = taken.getsockname()[1]
        port = choose_port(context, "kafka", usual)
    assert port in processes.PORTS
    assert said == [f"kafka: port {usual} is taken, using {port}"]


def test_no_port_is_given_out_twice(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "PORTS", range(20_000, 20_050))
    monkeypatch.setattr(processes, "is_free", lambda _port: True)
    monkeypatch.setattr(processes, "_marked", lambda _port: socket.socket())
    ports = [choose_port(context, "any", None) for _ in range(50)]
    assert len(set(ports)) == 50
    with pytest.raises(AdrwatchError, match="no free loopback port"):
        choose_port(context, "any", None)


@pytest.mark.parametrize(
    ("output", "line"),
    [
        (
            "collecting\nERROR: no matching distribution\nnote: this error is not pip's",
            "ERROR: no matching distribution",
        ),
        ("first\n\nlast\n", "last"),
        ("error: noise\nadrwatch: a topic is missing\n  fix: create it", "a topic is missing"),
        ("", "no output"),
    ],
)
def test_the_telling_line_names_the_cause(output: str, line: str) -> None:
    assert telling_line(output) == line


def test_a_port_that_one_launcher_has_given_out_is_not_given_by_another_before_anybody_listens_there(
    context: Context, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = choose_port(context, "first", None)
    other = Context(tmp_path, tmp_path)
    monkeypatch.setattr(processes, "PORTS", range(port, port + 1))
    monkeypatch.setattr(processes.random, "sample", lambda ports, _count: list(ports))
    with pytest.raises(AdrwatchError, match="no free loopback port"):
        choose_port(other, "second", None)
    context.ports.clear()
    assert choose_port(other, "second", None) == port
