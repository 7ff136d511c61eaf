"""`make faults`: rounds of faults until so many minutes are over or so many faults were injected; exit code 1 for any difference.

python -m tests.faults.suite --minutes 90 --seed 7 --kinds network,kafka-killed --out .adrwatch/faults

Writes report.md and report.json after each round, so that Ctrl-C leaves what was found until then. With --add a long run may be
several: the rounds of those before, in rounds.jsonl beside the report, are counted with. So are those of --beside; and with
--minutes 0 nothing is played, and what was is reported.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from tests.faults.suite import report
from tests.faults.suite.engine import Fault
from tests.faults.suite.kinds import KINDS
from tests.faults.suite.run import Round, play

# A round's windows are made anew from topics again and again: short enough that this does not become what is measured.
_ROUND_SECONDS = 720.0
_CLOCKS_EVERY = 8
ROUNDS = "rounds.jsonl"


def main() -> int:
    """Play rounds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, help="what decides about posts and faults [default: another one each time]")
    parser.add_argument("--minutes", type=float, help="how long [default: 10, where --faults is not given]")
    parser.add_argument("--faults", type=int, help="how many")
    parser.add_argument("--kinds", default="", help="names or families, with commas between [default: all]")
    parser.add_argument("--rate", type=float, default=30.0, help="posts a second [default: 30]")
    parser.add_argument(
        "--out", type=Path, default=Path(".adrwatch/faults"), help="folder of the report and of failed rounds"
    )
    parser.add_argument("--add", action="store_true", help="count with the rounds that were played into --out before")
    parser.add_argument(
        "--beside",
        type=Path,
        action="append",
        default=[],
        help="--out of a run that went on beside this one: count with it",
    )
    parser.add_argument("--page", type=Path, help="also write the report there, as docs/benchmarks/faults.md is")
    parser.add_argument("--list", action="store_true", help="print the kinds, and end")
    chosen = parser.parse_args()
    kinds = chosen_kinds(parser, chosen.kinds)
    if chosen.list:
        for name in kinds:
            print(f"{KINDS[name]().family:12} {name:24} {KINDS[name]().proves}")
        return 0
    seed = chosen.seed if chosen.seed is not None else random.SystemRandom().randrange(1_000_000)
    minutes = chosen.minutes if chosen.minutes is not None or chosen.faults is not None else 10.0
    print(f"SEED={seed}: {len(kinds)} kinds of faults, {chosen.rate:g} posts/s, report in {chosen.out}", flush=True)
    pages = [chosen.out / "report.md", *([chosen.page] if chosen.page else [])]
    before = [*_before(chosen.out, chosen.add), *(one for folder in chosen.beside for one in _played(folder))]
    return _rounds(seed, kinds, chosen.rate, minutes, chosen.faults, chosen.out, pages, before)


def chosen_kinds(parser: argparse.ArgumentParser, wanted: str) -> list[str]:
    """Kinds by their names and families."""
    words = [word.strip() for word in wanted.split(",") if word.strip()]
    families = {KINDS[name]().family for name in KINDS}
    if unknown := [word for word in words if word not in KINDS and word not in families]:
        parser.error(f"there is no kind or family {', '.join(unknown)}; --list shows all")
    return [name for name in KINDS if not words or name in words or KINDS[name]().family in words]


def of_round(kinds: Sequence[str], number: int) -> list[str]:
    """Which of the chosen kinds come in a round, from 0 on. Clocks that can jump cost every worker a sixth of a core, and so
    have each `_CLOCKS_EVERY`th round for themselves.
    """
    clocks = [name for name in kinds if KINDS[name]().family == "clocks"]
    others = [name for name in kinds if name not in clocks]
    if not (clocks and others):
        return list(kinds)
    return clocks if number % _CLOCKS_EVERY == _CLOCKS_EVERY - 1 else others


def _rounds(
    seed: int,
    kinds: Sequence[str],
    rate: float,
    minutes: float | None,
    faults: int | None,
    out: Path,
    pages: Sequence[Path],
    before: Sequence[Round],
) -> int:
    began = time.monotonic()
    rounds: list[Round] = []

    def injected() -> int:
        return sum(len(one.faults) for one in rounds)

    def say(text: str) -> None:
        print(f"[{time.monotonic() - began:6.0f} s] {text}", flush=True)

    def enough(more: int = 0) -> bool:
        if faults is not None and injected() + more >= faults:
            return True
        return minutes is not None and time.monotonic() - began >= minutes * 60

    out.mkdir(parents=True, exist_ok=True)
    stopped = False
    while not stopped and not enough():
        started = time.monotonic()

        def over(found: Sequence[Fault], started: float = started) -> bool:
            return enough(len(found)) or time.monotonic() - started > _ROUND_SECONDS

        folder = Path(tempfile.mkdtemp(prefix="adrwatch-faults-"))
        number = seed + len(rounds)
        try:
            one = play(folder, number, of_round(kinds, len(rounds)), rate, over, say)
        except BaseException:
            _keep(folder, out / f"failed-{number}", say)
            raise
        rounds.append(one)
        stopped = one.stopped
        with (out / ROUNDS).open("ab") as kept:
            kept.write(msgspec.json.encode(one) + b"\n")
        _write([*before, *rounds], out, pages)
        say(f"seed {number}: {len(one.faults)} faults, {one.posts} posts, {len(one.findings.wrong)} differences")
        for wrong in one.findings.wrong:
            say(f"  {wrong}")
        if one.findings.wrong:
            _keep(folder, out / f"failed-{number}", say)
        else:
            shutil.rmtree(folder, ignore_errors=True)
    if not rounds:
        _write(before, out, pages)
    found = report.summary(rounds or before)
    print(report.markdown(report.summary([*before, *rounds])))
    return 1 if found["wrong"] or any(kind["most"] is None for kind in found["kinds"].values()) else 0


def _before(out: Path, add: bool) -> list[Round]:
    """The rounds of earlier runs, which are forgotten where they are not to be counted with."""
    if not add:
        (out / ROUNDS).unlink(missing_ok=True)
    return _played(out) if add else []


def _played(folder: Path) -> list[Round]:
    kept = folder / ROUNDS
    return msgspec.json.Decoder(Round).decode_lines(kept.read_bytes()) if kept.exists() else []


def _write(rounds: Sequence[Round], out: Path, pages: Sequence[Path]) -> None:
    found = report.summary(rounds)
    (out / "report.json").write_text(json.dumps(found, indent=1) + "\n")
    for page in pages:
        page.write_text(report.markdown(found))


def _keep(folder: Path, place: Path, say: Callable[[str], None]) -> None:
    shutil.rmtree(place, ignore_errors=True)
    shutil.move(folder, place)
    say(f"logs and input are in {place}")


if __name__ == "__main__":
    sys.exit(main())
