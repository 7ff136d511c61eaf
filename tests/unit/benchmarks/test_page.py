"""The page of a made-up result."""

from __future__ import annotations

import msgspec
import pytest

from tests.benchmarks.page import number, pictures, ranged, render
from tests.benchmarks.parts import BARE, FAUST, FIXED, LOOP, ready_row
from tests.benchmarks.results import Quantiles
from tests.unit.benchmarks.made_up import LATENCY, OUTCOMES, RUNS, result, run


def test_the_page_names_command_date_revision_machine_versions_and_stream() -> None:
    page = render(result())
    for line in (
        "| command | `python -m tests.benchmarks.run posts.jsonl` |",
        "| date | 2026-06-01 12:30 UTC |",
        "| revision | 0123456789ab with changes |",
        "| processor | Abacus 9, 2 cores |",
        "| instructions | avx2, amx_int8 |",
        "| memory | 16.0 GiB |",
        "| system | Some Linux 1, Linux 6.1 |",
        "| load before the run | 0.25 |",
        "| versions | Python 3.11.7, Kafka 4.1.1, Java 17 |",
        "| stream | `posts.jsonl`, 200 posts (2 with an id that came before), rounds: 2 |",
        "| word pieces a post, mean | 21.5 |",
        "| pipeline workers, micro-batch | 2, 64 posts |",
    ):
        assert line in page.splitlines()


def test_speed_is_a_median_with_its_range_and_a_ratio_with_its_range() -> None:
    page = render(result())
    assert "| (a) plain pipeline: PyTorch eager, batch 32 | 37.5 (25.0–50.0) | 1.00 (1.00–1.00) |" in page
    assert "| (b) our steps in one process, ungated | 162 (125–200) | 4.50 (4.00–5.00) |" in page
    assert "| (c) full path: Kafka, Faust, Triton, Redis, gated | 225 (200–250) | 6.50 (5.00–8.00) |" in page


def test_one_round_has_no_range_and_parts_that_did_not_run_have_no_row() -> None:
    page = render(result(runs=tuple(run for run in RUNS if run.round == 1 and run.part == "b"), latency=None))
    assert "| (b) our steps in one process, gated | 400 | – |" in page
    assert "| (a)" not in page
    assert "| (c)" not in page
    assert "## Latency" not in page


def test_a_machine_that_was_busy_is_called_busy() -> None:
    assert "busy" not in render(result())
    busy = msgspec.structs.replace(result().machine, load=1.2)
    assert "**The machine was busy** when the run began (load 1.20)" in render(result(machine=busy))


def test_shares_of_the_gates_are_stated_with_whether_all_runs_agreed() -> None:
    page = render(result())
    assert "Of 200 distinct posts the screen stopped 120 (60.0%) and the classifier passed 20 (10.0%) on" in page
    assert "counted the same outcomes" in page
    odd = run("c", True, 2, 1.0, outcomes={**OUTCOMES, "dead": 1})
    page = render(result(runs=(*RUNS, odd)))
    assert "**Runs decided differently about the same posts** in rounds 2" in page
    assert "counted the same outcomes" not in page


def test_latency_is_in_milliseconds_and_few_samples_are_called_few() -> None:
    page = render(result())
    assert "901 posts in 9 s, 100 a second" in page
    assert "| post → first mention | 120 | 42.1 | 250 |" in page
    few = Quantiles(7, 0.05, 0.06)
    assert "| post → first mention | 7 (fewer than 100: p99 says little) | 50.0 | 60.0 |" in render(
        result(latency=msgspec.structs.replace(LATENCY, mention=few))
    )


def test_no_mention_at_all_is_a_dash() -> None:
    nothing = Quantiles(0, float("nan"), float("nan"))
    page = render(result(latency=msgspec.structs.replace(LATENCY, mention=nothing)))
    assert "| post → first mention | 0 (fewer than 100: p99 says little) | – | – |" in page


def test_peak_memory_stands_for_each_process_of_each_part() -> None:
    page = render(result())
    assert "| (a) plain pipeline | 1 | 950 | 950 |" in page
    assert "| (c) pipeline | 2 | 410 | 790 |" in page


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0.0, "0"), (0.04567, "0.046"), (1.0, "1.00"), (12.345, "12.3"), (999.4, "999"), (12345.6, "12,346")],
)
def test_numbers_have_three_digits_that_count(value: float, shown: str) -> None:
    assert number(value) == shown


def test_nothing_measured_is_a_dash() -> None:
    assert ranged([]) == number(float("nan")) == "–"


def test_parts_have_a_table_each_and_the_loop_its_ratio_within_each_round() -> None:
    parts = {LOOP: {FAUST: (8_000.0, 9_000.0), BARE: (16_000.0, 12_000.0)}, FIXED: {ready_row(128): (5_000.0, 5_200.0)}}
    page = render(result(parts=parts))
    assert "| the worker's loop over Faust | 8,500 (8,000–9,000) |" in page
    assert "| the worker's loop beside the bare one | 0.625 (0.500–0.750) |" in page
    assert "| one worker, micro-batches of 128 posts | 5,100 (5,000–5,200) |" in page
    assert "## Features" not in page


def test_figures_lie_beside_the_page_and_show_what_its_tables_do() -> None:
    measured = result(parts={FIXED: {ready_row(128): (5_000.0,)}})
    found = pictures(measured)
    assert all(f"]({name})" in render(measured) for name in found)
    assert "(c) full path, gated" in found["throughput.svg"]
    assert ">225<" in found["throughput.svg"]
    assert ">5,000<" in found["throughput-parts.svg"]
    assert pictures(result(runs=())) == {}


def test_processor_time_stands_for_each_way_and_each_process_of_the_full_path() -> None:
    runs = (
        run("a", False, 1, 1.0, processor={"plain pipeline": 2.0}),
        run("c", True, 1, 1.0, processor={"kafka": 0.1, "pipeline": 0.5}),
    )
    page = render(result(runs=runs))
    assert "| (a) plain pipeline | 20.0 |" in page
    assert "| (c) full path, gated | 6.00 |" in page
    assert "| · pipeline, gated | 5.00 |" in page
    assert "## Processor time" not in render(result())
