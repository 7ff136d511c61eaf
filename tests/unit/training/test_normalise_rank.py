"""The weights of the reranker are fitted on the vocabulary itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.training.normalise_rank import fit
from shared.errors import AdrwatchError
from shared.events import Concept
from shared.vocabulary.rank import FEATURES, Weights
from shared.vocabulary.reactions import FILE
from shared.vocabulary.table import read


def test_fitted_weights_are_written_with_what_they_reach_and_read_again(tmp_path: Path) -> None:
    rows = [(phrase, Concept(key, label), int(rank)) for phrase, key, label, rank in read(FILE, 4)[1] if rank == "0"]
    said: list[str] = []
    out = tmp_path / "rank.toml"
    weights = fit(rows, out, sample=150, seed=1, say=said.append)
    assert Weights.load(out) == weights
    assert weights.weights[FEATURES.index("support")] > 0
    assert said[0].startswith("150 hidden phrases")
    assert "of the answers are right" in out.read_text()
    with pytest.raises(AdrwatchError, match="cannot be written"):
        fit(rows, tmp_path / "none" / "rank.toml", sample=150, seed=1, say=said.append)
