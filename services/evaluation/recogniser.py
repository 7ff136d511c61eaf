"""Scores a recogniser of Russian reviews, which is a file and no served model; needs torch (extra `train`)."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from services.evaluation.reports import Report
from services.evaluation.served import extraction_report
from services.training.extra import with_extra
from shared.corpora.readers import AnnotatedPost
from shared.errors import AdrwatchError


def evaluate_recogniser(posts: Sequence[AnnotatedPost], name: str, file: Path, seed: int) -> Report:
    """The report of `evaluate_extractor` on those posts that the recogniser in `file` has not learned from."""
    saved = with_extra("services.training.russian.saved").Saved.load(file)
    types = [kind for kind in saved.types if any(kind in post.types for post in posts)]
    if not types:
        raise AdrwatchError(f"{name} annotates nothing of {', '.join(saved.types)}", fix="give another --data")
    began = time.monotonic()
    scored, found = saved.find(saved.unseen(posts))
    return extraction_report(scored, found, types, name, saved, seed, time.monotonic() - began)
