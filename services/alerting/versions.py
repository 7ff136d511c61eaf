"""Versions of a post that was edited at its source: which one a record is of, and which of two stands. Pure.

A version is a number: when the version was written to adr.posts, in ms since 1970, where the record says so; else minus the time at
which the record itself was written. For no exact time is passed on of a post of which only aggregates may be kept, nor did an
earlier adrwatch pass one on with outcomes. Such a record is never older than another, so the one that comes last counts; and an
edit takes it when it was written before the edit's deletion.
"""

from __future__ import annotations

from shared.forgetting import version_of
from shared.stream import Record


def version(record: Record) -> int:
    """The version that an outcome or a mention is of."""
    return version_of(record.headers, -record.written_ms)


def is_older(one: int, other: int) -> bool:
    """Whether one version is known to have come before another."""
    return 0 < one < other


def is_taken(one: int, until_ms: int | None) -> bool:
    """Whether an edit's deletion takes a version; `until_ms` is when that was written, None where there was none."""
    return until_ms is not None and abs(one) <= until_ms
