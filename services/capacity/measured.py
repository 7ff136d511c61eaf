"""Rates that plans are made of: the file that `make bench-scale` wrote, and what running workers tell of themselves."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import msgspec
from prometheus_client.parser import text_string_to_metric_families

from shared.errors import AdrwatchError, DependencyAway
from shared.settings import UP_FILE, Settings

SHIPPED = Path(__file__).with_name("measured.json")
_PATIENCE = 5.0
# Fewer batches tell little.
_LEAST_BATCHES = 20


class Rate(msgspec.Struct, frozen=True, kw_only=True):
    """Records a second of one process, or one instance of a model, that has all it asks for. `cores` it was busy with meanwhile."""

    per_second: float
    cores: float
    source: str


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """Rates by part: `pipeline` (posts, models that answer at once), `alerting` (outcomes), `classifier` and `extractor` (posts).

    `two_workers`: how many times as fast two pipeline workers were as one.
    """

    at: datetime
    command: str
    revision: str
    processor: str
    cores: int
    two_workers: float
    rates: dict[str, Rate]


def shipped(path: Path = SHIPPED) -> Measured:
    """The file of the benchmark. Raises AdrwatchError where it is none."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Measured)
    except OSError as error:
        raise AdrwatchError(
            f"{path} cannot be read: {error.strerror}", fix="give a file of `make bench-scale`"
        ) from None
    except msgspec.MsgspecError as error:
        raise AdrwatchError(f"{path} holds no rates: {error}", fix="give a file of `make bench-scale`") from None


def live(addresses: Sequence[str]) -> dict[str, Rate]:
    """Rates of the workers whose metrics are at these places (host:port), by part, for those that have had enough to do.

    A worker has one batch in flight, so what it reads in the time in which it had one is what it can do, models and servers
    included. Batches that are not full make that less, never more. Raises DependencyAway.
    """
    handled: dict[str, float] = {}
    busy: dict[str, float] = {}
    batches: dict[str, float] = {}
    for address in addresses:
        for sample in _samples(address):
            stage = _STAGES.get(sample.labels.get("stage", ""))
            if stage is None:
                continue
            for name, found in (("adrwatch_records_in_total", handled), ("adrwatch_batch_seconds_sum", busy),
                                ("adrwatch_batch_seconds_count", batches)):  # fmt: skip
                if sample.name == name:
                    found[stage] = found.get(stage, 0.0) + sample.value
    return {
        stage: Rate(
            per_second=handled[stage] / busy[stage],
            cores=1.0,
            source=f"live: {handled[stage]:,.0f} records of {len(addresses)} workers, servers and models included",
        )
        for stage in handled
        if batches.get(stage, 0.0) >= _LEAST_BATCHES and busy.get(stage)
    }


# The stage that sets a worker's pace, by the part of a plan.
_STAGES = {"pipeline": "pipeline", "windows": "alerting"}


def running(settings: Settings) -> list[str]:
    """Where the workers tell their metrics that `adrwatch up` started here. Raises AdrwatchError where none runs."""
    try:
        parts = json.loads((settings.data_dir / UP_FILE).read_text())["parts"]
        found = [one["address"] for one in parts if one["part"].rpartition("-")[0] in ("pipeline", "alerting")]
    except (OSError, ValueError, LookupError, TypeError):
        found = []
    if not found:
        raise AdrwatchError(
            f"no running instance was found in {settings.data_dir}",
            fix="start one with `adrwatch up`, or give --metrics HOST:PORT of your workers",
        )
    return found


def _samples(address: str) -> list[Any]:
    try:
        answer = httpx.get(f"http://{address}/metrics", timeout=_PATIENCE)
        answer.raise_for_status()
        return [sample for family in text_string_to_metric_families(answer.text) for sample in family.samples]
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        raise DependencyAway(
            f"no worker tells its metrics at {address}: {type(error).__name__}",
            fix="give HOST:PORT with the port of ADRWATCH_METRICS_PORT",
        ) from None
