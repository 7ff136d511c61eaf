"""Scores of what a training command wrote into one file, and no server serves. Needs the extra `train`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from services.evaluation.chinese import evaluate_checkpoint
from services.evaluation.recogniser import evaluate_recogniser
from services.evaluation.reports import Report
from services.training.extra import with_extra
from shared.corpora.readers import AnnotatedPost
from shared.errors import AdrwatchError


def evaluate_file(posts: Sequence[AnnotatedPost], name: str, file: Path, encoder: Path | None, seed: int) -> Report:
    """As `served.evaluate_extractor`, by whichever network the file holds. Raises AdrwatchError where it holds none."""
    trained = with_extra("services.training.scoring").load(file)
    if "asaibc" in trained:
        return evaluate_checkpoint(posts, name, file, encoder, seed)
    if encoder:
        raise AdrwatchError(
            f"--encoder goes with a model that `adrwatch train chinese` wrote, and {file} is none", fix="leave it out"
        )
    return evaluate_recogniser(posts, name, file, seed)
