"""Mentions as a back-test writes them (`mentions.jsonl`), as rows of reports: a post is a report."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from shared.errors import AdrwatchError
from shared.events import Mention


def mention_rows(path: Path) -> Iterator[tuple[int, tuple[str, str, str, str]]]:
    """Line, and report, drug, reaction and day of each mention. Posts with one fingerprint are one report: reposts count once.

    Raises AdrwatchError for a file that cannot be read, and for a line that is no mention.
    """
    opener: Any = gzip.open if path.suffix == ".gz" else open
    decoder = msgspec.json.Decoder(Mention)
    try:
        with opener(path, "rb") as stream:
            for line, text in enumerate(stream, 1):
                if text.strip():
                    yield line, _row(decoder.decode(text))
    except msgspec.DecodeError as error:
        raise AdrwatchError(
            f"{path}, line {line}: no mention: {error}", fix="give mentions.jsonl of `adrwatch backtest --out`"
        ) from None
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise AdrwatchError(f"{path} cannot be unpacked: {error}", fix="pack the file again") from None


def _row(mention: Mention) -> tuple[str, str, str, str]:
    return (
        mention.fingerprint or mention.post_id, mention.drug.label, mention.reaction.label,
        mention.created_at.date().isoformat(),
    )  # fmt: skip
