"""The table: how often each fault came, after how long posts flowed again, and what was lost or doubled."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.benchmarks.machine import machine
from tests.faults.suite.engine import Fault
from tests.faults.suite.kinds import KINDS
from tests.faults.suite.run import Round

_HEAD = (
    "| fault | proves | injected | back after, median | p95 | most | lost | doubled |\n"
    "|---|---|---:|---:|---:|---:|---:|---:|\n"
)
NEVER = "never"
_HOW = Path("../runbooks/faults.md")


def summary(rounds: Sequence[Round]) -> dict[str, Any]:
    """All that the table says, for machines. Seconds; `most` is None where posts did not flow again."""
    by_kind: dict[str, list[Fault]] = defaultdict(list)
    lost, doubled = Counter[str](), Counter[str]()
    for one in rounds:
        for fault in one.faults:
            by_kind[fault.kind].append(fault)
        for post in one.findings.lost:
            lost[_blamed(one, post)] += 1
        for post in one.findings.doubled:
            doubled[_blamed(one, post)] += 1
    return {
        "rounds": [
            {"at": f"{one.at:%Y-%m-%d %H:%M}", "revision": one.revision, "seed": one.seed, "rate": one.rate,
             "faults": len(one.faults), "seconds": round(one.seconds), "posts": one.posts,
             "differences": len(one.findings.wrong)}
            for one in rounds
        ],
        "seconds": round(sum(one.seconds for one in rounds)),
        "posts": sum(one.posts for one in rounds),
        "faults": sum(len(one.faults) for one in rounds),
        "back": _times([fault for one in rounds for fault in one.faults]),
        "lost": sum(len(one.findings.lost) for one in rounds),
        "doubled": sum(len(one.findings.doubled) for one in rounds),
        "wrong": [f"seed {one.seed}: {wrong}" for one in rounds for wrong in one.findings.wrong],
        "checked": dict(sum((Counter(one.findings.seen) for one in rounds), Counter[str]())),
        "kinds": {
            name: {"family": faults[0].family, "injected": len(faults), **_times(faults), "lost": lost[name],
                   "doubled": doubled[name]}
            for name, faults in sorted(by_kind.items(), key=lambda item: (item[1][0].family, item[0]))
        },
    }  # fmt: skip


def markdown(found: dict[str, Any]) -> str:
    """The summary as a page."""
    here = machine()
    lines = [
        "# Faults",
        "",
        f'Made by `make faults ARGS="--page FILE"`; do not edit. What is injected and what is compared: [{_HOW.name}]({_HOW}).',
        "",
        f"{here.processor}, {here.cores} cores: {found['faults']:,} faults in {found['seconds'] / 60:.0f} minutes on "
        f"{found['posts']:,} posts.",
        "",
        f"**Lost: {found['lost']}. Doubled: {found['doubled']}. Other differences: {len(found['wrong'])}.**",
        "",
        "Posts flow again after {}: median, 95 of 100 within, most.".format(_told(found["back"])),
    ]
    family = ""
    for name, kind in found["kinds"].items():
        if kind["family"] != family:
            family = kind["family"]
            lines += ["", f"## {family.capitalize()}", "", *_HEAD.splitlines()]
        times = " | ".join(_told(kind).split(", "))
        proves = KINDS[name]().proves
        lines.append(f"| {name} | {proves} | {kind['injected']} | {times} | {kind['lost']} | {kind['doubled']} |")
    lines += ["", "## What was compared", "", "| | |", "|---|---:|"]
    lines += [f"| {what} | {count:,} |" for what, count in found["checked"].items()]
    lines += [
        "",
        "## Rounds",
        "",
        "| ended (UTC) | revision | seed | posts a second | posts | faults | minutes | differences |",
    ]
    lines.append("|---|---|---:|---:|---:|---:|---:|---:|")
    lines += [
        f"| {one['at']} | {one['revision']} | {one['seed']} | {one['rate']:g} | {one['posts']:,} | {one['faults']} "
        f"| {one['seconds'] / 60:.0f} | {one['differences']} |"
        for one in found["rounds"]
    ]
    if found["wrong"]:
        lines += ["", "## Differences", "", *(f"- {wrong}" for wrong in found["wrong"])]
    return "\n".join(lines) + "\n"


def _told(times: dict[str, Any]) -> str:
    return ", ".join(NEVER if times[what] is None else f"{times[what]:.1f} s" for what in ("median", "p95", "most"))


def _times(faults: Sequence[Fault]) -> dict[str, float | None]:
    if not faults:
        return dict.fromkeys(("median", "p95", "most"))
    times = sorted(math.inf if fault.recovered is None else fault.recovered for fault in faults)

    def rank(share: float) -> float | None:
        found = times[min(len(times) - 1, math.ceil(share * len(times)) - 1)]
        return None if math.isinf(found) else round(found, 2)

    return {"median": rank(0.5), "p95": rank(0.95), "most": rank(1.0)}


def _blamed(one: Round, post: str) -> str:
    """The fault that was going on, or came next, when the post was taken."""
    taken = one.taken.get(post, -math.inf)
    for fault in one.faults:
        if taken <= fault.ended + (fault.recovered or 0.0):
            return fault.kind
    return one.faults[-1].kind if one.faults else "none"
