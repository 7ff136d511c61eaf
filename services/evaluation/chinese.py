"""Scores of a network that `adrwatch train chinese` wrote, which no server serves. Needs the extra `train`."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from services.evaluation.reports import Report
from services.evaluation.served import extraction_report
from services.training.extra import with_extra
from shared.corpora.readers import AnnotatedPost
from shared.errors import AdrwatchError
from shared.provenance import file_hash


@dataclass(frozen=True)
class _Scored:
    """A checkpoint: its version is the digest of its file, its own digest that of the encoder."""

    name: str
    version: str
    digest: str


def evaluate_checkpoint(
    posts: Sequence[AnnotatedPost], name: str, checkpoint: Path, encoder: Path | None, seed: int
) -> Report:
    """As `served.evaluate_extractor`. Raises AdrwatchError where file or encoder do not fit, and for posts of other types."""
    tagging = with_extra("services.training.asaibc.tagger")
    tagger = tagging.opened(checkpoint, str(encoder) if encoder else None)
    types = [kind for kind in tagger.types if any(kind in post.types for post in posts)]
    if not types:
        annotated = sorted({kind for post in posts for kind in post.types})
        raise AdrwatchError(
            f"{name} annotates {', '.join(annotated)}; {checkpoint} finds none of these",
            fix=f"give a corpus that annotates {', '.join(tagger.types)}",
        )
    began = time.monotonic()
    found = tagger.find([post.text for post in posts])
    seconds = time.monotonic() - began
    scored = _Scored("asaibc", file_hash(checkpoint), tagger.encoder or "characters")
    return extraction_report(posts, found, types, name, scored, seed, seconds)
