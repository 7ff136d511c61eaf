"""What is said of the machine, and the memory of its processes."""

from __future__ import annotations

import os
import subprocess
import sys

from tests.benchmarks.machine import command, cpu_info, machine, revision, versions
from tests.benchmarks.memory import peak, peaks


def test_the_command_line_is_given_without_folders() -> None:
    assert command(["/data/of/somebody/posts.jsonl", "--limit", "5", "--out", "docs/page.md", "--parts", "b,c"]) == (
        "python -m tests.benchmarks.run posts.jsonl --limit 5 --out page.md --parts b,c"
    )


def test_the_first_processor_speaks_for_all() -> None:
    text = "processor\t: 0\nmodel name\t: Abacus 9: fast\nflags\t\t: avx2 amx_int8\n\nprocessor\t: 1\nmodel name\t: other\n"
    assert cpu_info(text) == {"processor": "0", "model name": "Abacus 9: fast", "flags": "avx2 amx_int8"}


def test_this_machine_is_described() -> None:
    here = machine()
    assert here.cores == len(os.sched_getaffinity(0))
    assert here.memory > 1 << 28
    assert here.processor
    assert versions()["Python"] == sys.version.split()[0]
    assert revision()


def test_the_peak_of_a_process_stays_when_its_memory_is_let_go() -> None:
    program = "held = b'x' * (64 << 20); del held; print('ready', flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert peak(process.pid) > 64 << 20
        assert peaks({"worker-1": process.pid}) == {"worker": (peak(process.pid),)}
        process.communicate(b"\n")
    assert peak(process.pid) == 0
    assert peaks({"worker-1": process.pid}) == {"worker": (0,)}


def test_numbered_workers_stand_under_one_name_with_what_they_started_beside_them() -> None:
    program = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'print(1, flush=True); input()'])"
    with subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        found = peaks({"pipeline-1": process.pid, "pipeline-2": process.pid})
        names = sorted(found)
        process.communicate(b"\n")
    assert names[0] == "pipeline"
    assert names[1].startswith("pipeline: python")
    assert {len(values) for values in found.values()} == {2}
