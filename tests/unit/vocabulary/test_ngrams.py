"""N-grams of many phrases at once: the weights that each phrase has by itself."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from shared.vocabulary.ngrams import TfIdf, character_ngrams, index_by_ngrams

WORDS = st.text("abé", min_size=1, max_size=6)
PHRASES = st.lists(st.lists(WORDS, max_size=4).map(" ".join), max_size=12)


@given(PHRASES)
def test_an_index_has_the_features_and_weights_of_its_phrases_one_by_one(phrases: list[str]) -> None:
    weighting, weights = index_by_ngrams(phrases, 2, 4)
    documents = [character_ngrams(phrase, 2, 4) for phrase in phrases]
    expected = TfIdf.fit(documents)
    np.testing.assert_array_equal(weighting.keys, expected.keys)
    np.testing.assert_array_equal(weighting.idf, expected.idf)
    np.testing.assert_allclose(weights.toarray(), expected.matrix(documents).toarray(), rtol=1e-6)
