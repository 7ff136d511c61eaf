"""Rows for tests, and the count of a window written out plainly: what the fast code must agree with."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from shared.events import Table
from shared.settings import PACKAGE_ROOT
from shared.signals.near import NearLinks
from shared.signals.rules import Rules, check_rules, shipped
from shared.signals.windows import Block, Ledger, Row, Vocabulary
from shared.text.sketch import BITS, estimate

HOUR = 3_600_000
RULES_FILE = PACKAGE_ROOT / "shared" / "signals" / "rules.toml"


def rules_with(**changes: Any) -> Rules:
    """The shipped rules with values changed: `rules_with(evans__prr=3)`."""
    raw = tomllib.loads(Path(RULES_FILE).read_text())
    for name, value in changes.items():
        part, key = name.split("__")
        if part == "suppression":
            raw[part][key] = value
        else:
            raw[part][key]["value"] = value
    return check_rules(raw, "test")


def row(
    post: str, at: int, *pairs: tuple[str, str], author: str | None = None, fingerprint: str | None = None,
    sketch: bytes | None = None,
) -> Row:  # fmt: skip
    return Row(post, at, author, fingerprint, pairs, sketch)


def ledger_of(rows: Iterable[Row], bucket: int = HOUR, rules: Rules | None = None) -> Ledger:
    buckets: dict[int, list[Row]] = {}
    for one in rows:
        buckets.setdefault(one.at_ms // bucket, []).append(one)
    vocabulary = Vocabulary()
    # Decoded latest first: codes must not depend on order.
    blocks = {key: Block.of(buckets[key], vocabulary) for key in sorted(buckets, reverse=True)}
    return Ledger([blocks[key] for key in sorted(blocks)], vocabulary, NearLinks((rules or shipped()).near))


def background(n: int, at: int = 0, drug: str = "other", reaction: str = "rash") -> list[Row]:
    """n reports of a pair by n authors, one a second."""
    return [
        row(f"{drug}-{reaction}-{i}", at + i * 1000, (drug, reaction), author=f"{drug}-{reaction}-{i}")
        for i in range(n)
    ]


def busy_rows(pair: tuple[str, str], last: int, end: int, days: int = 60, seed: int = 1) -> list[Row]:
    """Some 2,500 reports of 40 drugs and 30 reactions over days that end at `end`; `last` of the pair in the last hour.

    The ratios of observed to expected counts have a gamma distribution around 1, as those of real reports nearly have.
    """
    rng = np.random.default_rng(seed)
    share = [1 / np.arange(1, size + 1) for size in (40, 30)]
    expected = 2_500 * np.outer(*(part / part.sum() for part in share))
    counts = rng.poisson(rng.gamma(1.0, 1.0, expected.shape) * expected)
    found = []
    for drug, reaction in zip(*np.nonzero(counts), strict=True):
        for _ in range(counts[drug, reaction]):
            number = len(found)
            at = end - int(rng.integers(HOUR, days * 24 * HOUR))
            found.append(row(f"b{number}", at, (f"d{drug}", f"r{reaction}"), author=f"b{number}"))
    return found + [row(f"p{i}", end - 1000 + i, pair, author=f"p{i}") for i in range(last)]


def sketch_with(differing: int, of: int = 0) -> bytes:
    """A sketch that differs in so many bits from `sketch_with(0, of)`; those of two `of` have little in common."""
    bits = np.random.default_rng(of).integers(0, 2, BITS, dtype=np.uint8)
    bits[:differing] ^= 1
    return np.packbits(bits).tobytes()


def alike(one: Row, other: Row, rules: Rules) -> bool:
    """Whether two reports are near-duplicates by the rules, but for their pairs."""
    if one.sketch is None or other.sketch is None:
        return False
    near = abs(one.at_ms - other.at_ms) < rules.near.hours.value * HOUR
    return near and estimate(one.sketch, other.sketch) >= rules.near.similarity.value


def counted_plainly(
    rows: Sequence[Row], start: int, end: int, rules: Rules | None = None
) -> dict[str, set[tuple[str, str]]]:
    """The remaining pairs of each post that counts, by the definition's own words."""
    inside = sorted({r.post_id: r for r in rows if start <= r.at_ms < end}.values(), key=lambda r: (r.at_ms, r.post_id))
    seen: set[str] = set()
    reported: set[tuple[str, tuple[str, str]]] = set()
    counted: dict[str, set[tuple[str, str]]] = {}
    for i, r in enumerate(inside):
        if r.fingerprint is not None and r.fingerprint in seen:
            continue
        if r.fingerprint is not None:
            seen.add(r.fingerprint)
        told = {p for e in inside[:i] if alike(e, r, rules or shipped()) for p in e.pairs}
        pairs = {p for p in r.pairs if p not in told and (r.author is None or (r.author, p) not in reported)}
        if r.author is not None:
            reported |= {(r.author, p) for p in pairs}
        if pairs:
            counted[r.post_id] = pairs
    return counted


def table_plainly(counted: dict[str, set[tuple[str, str]]], drug: str, reaction: str) -> Table | None:
    a = sum((drug, reaction) in pairs for pairs in counted.values())
    with_drug = sum(any(d == drug for d, _ in pairs) for pairs in counted.values())
    with_reaction = sum(any(r == reaction for _, r in pairs) for pairs in counted.values())
    d = len(counted) - (with_drug + with_reaction - a)
    return Table(a, with_drug - a, with_reaction - a, d) if d >= 0 else None
