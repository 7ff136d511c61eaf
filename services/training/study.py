"""Tables of short runs that differ in one thing. Each run's result is a file, so that nothing is trained twice."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import MISSING, Field, asdict, fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar, Protocol, TypeVar

import numpy as np
from scipy.stats import t as student

from shared.errors import AdrwatchError
from shared.provenance import git_revision, versions

Say = Callable[[str], None]
SEED, FOLD = "seed", "fold"
_PACKAGES = ("adrwatch", "torch", "transformers", "numpy", "spacy")


class Seeded(Protocol):
    """A dataclass of options with a seed among them."""

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]

    @property
    def seed(self) -> int:
        """Of weights and order."""


Chosen = TypeVar("Chosen", bound=Seeded)
# Trains with the options, writing its checkpoint at the path, and gives the scores.
Make = Callable[[Chosen, Path], Mapping[str, float]]


def study(
    variants: Mapping[str, Chosen],
    numbers: Sequence[int],
    make: Make[Chosen],
    data: str,
    folder: Path,
    say: Say,
    *,
    vary: str = SEED,
    over: Mapping[str, str] | None = None,
    packages: Sequence[str] = _PACKAGES,
) -> list[dict[str, Any]]:
    """The results of all variants with all numbers, in order; those that `folder` holds are not made again.

    `data`: the hash of what is learned from and scored on. `vary`: the option that the numbers are given to, where it is not the
    seed. `over`: the score in which variants are compared, and the variant over which `table` tells gains. `packages`: those that
    decide the figures. Raises AdrwatchError where a result in `folder` is of other data or options.
    """
    folder.mkdir(parents=True, exist_ok=True)
    found = []
    for name, options in variants.items():
        for number in numbers:
            varied: dict[str, Any] = {vary: number}
            chosen = replace(options, **varied)
            file = folder / f"{re.sub('[^A-Za-z0-9]+', '-', name).strip('-')}-{number}.json"
            made_of = {"variant": name, "data": data, "options": json.loads(json.dumps(asdict(chosen)))}
            made_of |= {"over": dict(over)} if over else {}
            if not file.is_file():
                made = _run(chosen, make, file.with_suffix(".pt"), say, packages)
                file.write_text(json.dumps(made_of | made, indent=1) + "\n")
            result = json.loads(file.read_text())
            # Options that came after a result had their default then.
            result["options"] = _defaults(options) | result.get("options", {})
            differing = [key for key, value in made_of.items() if result.get(key) != value]
            if differing:
                raise AdrwatchError(
                    f"{file} is of a run with other {' and '.join(differing)}",
                    fix="give another --folder, or remove the file",
                )
            found.append(result)
    return found


def _defaults(options: Seeded) -> dict[str, Any]:
    found = {one.name: one.default for one in fields(options) if one.default is not MISSING}
    return dict(json.loads(json.dumps(found)))


def stored(folder: Path) -> list[dict[str, Any]]:
    """All results that a folder holds, in the order in which they were made. Raises AdrwatchError for other files."""
    try:
        found = [json.loads(file.read_text()) for file in folder.glob("*.json")]
        return sorted(found, key=lambda one: (one["time"], one["variant"], _number(one)))
    except (ValueError, KeyError, TypeError):
        raise AdrwatchError(f"{folder} holds files that are no results", fix="give the --folder of a study") from None


def _run(options: Chosen, make: Make[Chosen], checkpoint: Path, say: Say, packages: Sequence[str]) -> dict[str, Any]:
    began = time.monotonic()
    say(f"{checkpoint.stem} begins")
    scores = make(options, checkpoint)
    checkpoint.unlink(missing_ok=True)
    return {
        "scores": {name: round(float(value), 4) for name, value in scores.items()},
        "seconds": round(time.monotonic() - began),
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "revision": git_revision(),
        "versions": versions(packages),
    }


def table(results: Sequence[Mapping[str, Any]]) -> str:
    """Mean and standard deviation over the seeds (or folds) of each variant, gains, and what the runs were made of, as Markdown.

    Raises AdrwatchError where there is no result.
    """
    if not results:
        raise AdrwatchError(
            "there is no result", fix="run a study: adrwatch train ablate|balance|recognisers|russian-study"
        )
    by_variant: dict[str, list[Mapping[str, Any]]] = {}
    for result in results:
        by_variant.setdefault(result["variant"], []).append(result)
    names = list(dict.fromkeys(name for result in results for name in result["scores"]))
    counted = f"{FOLD}s" if FOLD in results[0]["options"] else f"{SEED}s"
    lines = [f"| variant | {counted} | {' | '.join(names)} |", f"|---|---:|{'---:|' * len(names)}"]
    for variant, found in by_variant.items():
        cells = []
        for name in names:
            values = [one["scores"][name] for one in found if name in one["scores"]]
            if not values:
                cells.append("")
                continue
            spread = f" ± {np.std(values, ddof=1):.3f}" if len(values) > 1 else ""
            # Scores are at most 1; what is more is a count.
            cells.append(f"{np.mean(values):.3f}{spread}" if max(values) <= 1 else f"{np.mean(values):,.0f}")
        numbers = ", ".join(str(_number(one)) for one in found)
        lines.append(f"| {variant} | {numbers} | {' | '.join(cells)} |")
    lines += _gains(by_variant, results[0].get("over"))
    made = {(one["data"], one["revision"], one["time"][:10], one["versions"].get("torch")) for one in results}
    lines += [
        "",
        *(f"Data {data}, revision {revision}, {day}, PyTorch {torch}." for data, revision, day, torch in sorted(made)),
    ]
    return "\n".join(lines) + "\n"


def _gains(by_variant: Mapping[str, Sequence[Mapping[str, Any]]], over: Mapping[str, str] | None) -> Iterator[str]:
    """What each variant gains over one of them with the same seeds: mean, spread, and Student's interval of the mean."""
    if over is None or over["variant"] not in by_variant:
        return
    base = {_number(one): one["scores"][over["score"]] for one in by_variant[over["variant"]]}
    lines = []
    for variant, found in by_variant.items():
        gains = [
            one["scores"][over["score"]] - base[_number(one)]
            for one in found
            if _number(one) in base and variant != over["variant"]
        ]
        if len(gains) > 1:
            mean, deviation = float(np.mean(gains)), float(np.std(gains, ddof=1))
            half = float(student.ppf(0.975, len(gains) - 1)) * deviation / len(gains) ** 0.5
            cells = f"{mean:+.3f} ± {deviation:.3f} | {mean - half:+.3f} to {mean + half:+.3f}"
            lines.append(f"| {variant} | {len(gains)} | {cells} |")
    if lines:
        yield from (
            "",
            f"| gain in {over['score']} over {over['variant']} | pairs of one seed | mean | 95 % interval |",
        )
        yield from ("|---|---:|---:|---:|", *lines)


def _number(result: Mapping[str, Any]) -> int:
    """The fold of a result, or its seed."""
    return int(result["options"].get(FOLD, result["options"][SEED]))
