"""A parser that faces a network returns or raises what it says it raises: no other error, no hang, no memory without bounds.

`make fuzz MINUTES=10` looks longer, with other inputs each time.
"""

from __future__ import annotations

import contextlib
import functools
import gzip
import itertools
import lzma
import signal
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.ingest.files import LineFile
from services.ingest.networks.unpacked import unpacked
from tests.fuzz.inputs import DEEP, HEAVY, NASTY, anything, swollen
from tests.fuzz.parsers import PARSERS, Parser

# So long nothing takes that grows with the length of its input; what grows with its square takes hours.
_SECONDS = 20
_MIB = 1 << 20
# What one step of unfolding brings shows in the first of them.
_LINES = 50_000


def parse(parser: Parser, data: bytes) -> None:
    with contextlib.suppress(*parser.errors):
        parser.read(data)


@contextlib.contextmanager
def in_time(what: str) -> Iterator[None]:
    """A hang becomes a failure that says where."""

    def late(_number: int, _frame: object) -> None:
        raise AssertionError(f"no answer after {_SECONDS} s: {what}")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(_SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize("name", PARSERS)
def test_a_right_sample_is_read(name: str) -> None:
    parser = PARSERS[name]
    right = [sample for sample in parser.samples if not _raises(parser, sample)]
    assert right, "the other tests would look at errors only"


def _raises(parser: Parser, sample: bytes) -> bool:
    try:
        parser.read(sample)
    except parser.errors:
        return True
    return False


@pytest.mark.parametrize("name", PARSERS)
@settings(
    max_examples=settings.default.max_examples // 3,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(data=st.data())
def test_whatever_comes_is_read_or_refused_as_the_parser_says(name: str, data: st.DataObject) -> None:
    parser = PARSERS[name]
    parse(parser, data.draw(anything(parser.samples)))


@pytest.mark.parametrize("name", PARSERS)
def test_what_is_made_to_hold_a_parser_up_does_not(name: str) -> None:
    parser = PARSERS[name]
    for nasty in (*NASTY, *DEEP):
        with in_time(repr(nasty[:20])):
            parse(parser, nasty)
    for heavy in HEAVY:
        for sample in parser.samples[:1]:
            for data in swollen(sample, heavy):
                with in_time(f"{heavy[:20]!r} in {data[:40]!r}"):
                    parse(parser, data)


PACKERS = {"gzip": gzip.compress, "xz": functools.partial(lzma.compress, preset=0), "zstd": zstandard.compress}


@pytest.mark.parametrize("line", [b"a" * _MIB, b"ab\n" * (_MIB // 3), b"\n" * _MIB])
@pytest.mark.parametrize("packer", PACKERS)
def test_an_archive_that_unfolds_to_a_thousand_times_its_size_is_read_in_little_memory(
    packer: str, line: bytes, tmp_path: Path
) -> None:
    path = tmp_path / "posts.jsonl"
    path.write_bytes(PACKERS[packer](line * 64))
    tracemalloc.start()
    try:
        size = sum(1 for _ in itertools.islice(LineFile(str(path)).lines(), _LINES))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert size
    assert peak < 48 * _MIB, f"{peak / _MIB:.0f} MiB of an archive of {path.stat().st_size} bytes"


def test_an_answer_that_unfolds_to_gigabytes_is_left_in_the_middle() -> None:
    bomb = gzip.compress(b"a" * (128 * _MIB))
    tracemalloc.start()
    try:
        taken = 0
        for part in unpacked([bomb], "gzip"):
            taken += len(part)
            if taken > 10 * _MIB:
                break
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 8 * _MIB
