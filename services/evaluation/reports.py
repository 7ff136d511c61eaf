"""The report of one evaluation: what was measured on what, by which model and program, as JSON and Markdown."""

from __future__ import annotations

import hashlib
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from shared.models.metadata import Metadata


class Row(msgspec.Struct, frozen=True):
    """One number: of what (posts, or a type of span), which metric, its value (None: undefined), its 95 % interval."""

    of: str
    metric: str
    value: float | None
    interval: list[float] | None


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """One evaluation, enough to repeat it. `data_hash` is over texts and labels, so it knows a changed corpus."""

    task: str
    data: str
    data_hash: str
    model: str
    model_version: str
    feature_digest: str
    seed: int
    git_revision: str
    time: str
    posts_per_second: float
    sizes: dict[str, float]
    rows: list[Row]

    @classmethod
    def of(
        cls,
        task: str,
        data: str,
        content: list[Any],
        metadata: Metadata,
        seed: int,
        seconds: float,
        sizes: dict[str, Any],
        rows: list[Row],
    ) -> Report:
        """Stamp the rows with all that identifies this run. `seconds` covers parsing, inference and decoding."""
        return cls(
            task=task,
            data=data,
            data_hash=hashlib.blake2b(msgspec.json.encode(content), digest_size=8).hexdigest(),
            model=metadata.name,
            model_version=metadata.version,
            feature_digest=metadata.digest,
            seed=seed,
            git_revision=_git_revision(),
            time=datetime.now(UTC).isoformat(timespec="seconds"),
            posts_per_second=round(len(content) / seconds, 1) if seconds else 0.0,
            sizes=sizes,
            rows=[Row(row.of, row.metric, None if row.value != row.value else row.value, row.interval) for row in rows],
        )

    def json(self) -> str:
        """Indented JSON."""
        return msgspec.json.format(msgspec.json.encode(self), indent=2).decode()

    def markdown(self) -> str:
        """A heading, a line that identifies the run, and a table."""
        sizes = ", ".join(f"{name} {value:g}" for name, value in self.sizes.items())
        lines = [
            f"## {self.task}: {self.data}",
            "",
            f"Model {self.model} {self.model_version} (features {self.feature_digest}); data {self.data_hash} ({sizes}); "
            f"seed {self.seed}; revision {self.git_revision}; {self.time}; {self.posts_per_second} posts/s.",
            "",
            "| of | metric | value | 95 % interval |",
            "|---|---|---|---|",
        ]
        for row in self.rows:
            value = "undefined" if row.value is None else f"{row.value:.3f}"
            interval = "" if row.interval is None else f"{row.interval[0]:.3f} to {row.interval[1]:.3f}"
            lines.append(f"| {row.of} | {row.metric} | {value} | {interval} |")
        return "\n".join(lines) + "\n"


def _git_revision() -> str:
    """Short revision of the checkout this program runs from, `unknown` where it is not one."""
    try:
        run = subprocess.run(
            ["git", "rev-parse", "--short=12", "HEAD"],
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return run.stdout.strip()
