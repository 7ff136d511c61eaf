"""Features: the same post gives the same inputs, whatever stands beside it and however long it is."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.models.classifier import ClassifierFeatures
from shared.models.features import ALPHABET, LEVEL_INPUTS, MAX_ROWS, Encoded, FeatureBuilder, FeatureSpec
from shared.models.metadata import load_metadata
from shared.text.parse import MAX_CHARACTERS, Parse, Token, default_parser
from tests.unit.models.samples import CLASSIFIER, POSTS


@pytest.fixture(scope="module")
def features() -> ClassifierFeatures:
    return ClassifierFeatures.load(CLASSIFIER)


def encode(features: ClassifierFeatures, posts: list[str]) -> Encoded:
    return features.encode(posts, default_parser().parse(posts))


def test_the_alphabet_has_the_seventy_characters_of_the_paper() -> None:
    assert len(ALPHABET) == len(set(ALPHABET)) == 70


def test_inputs_have_the_served_names_and_shapes(features: ClassifierFeatures) -> None:
    encoded = encode(features, POSTS)
    for batch, rows in zip(encoded.batches, encoded.rows, strict=True):
        assert set(batch) == set(features.metadata.spec.inputs)
        size = batch["input_ids"].shape[1]
        assert size in features.metadata.buckets
        assert batch["char_ids"].shape == (len(rows), size, features.metadata.word_characters)
        assert batch["lengths"].shape == (len(rows), 1)
        assert all(array.dtype == np.int32 for array in batch.values())


def test_a_post_has_the_same_inputs_alone_and_among_others(features: ClassifierFeatures) -> None:
    together = encode(features, POSTS)
    for batch, rows in zip(together.batches, together.rows, strict=True):
        for row, (post, _) in enumerate(rows):
            alone = encode(features, [POSTS[post]])
            for name in LEVEL_INPUTS:
                np.testing.assert_array_equal(alone.batches[0][name][0], batch[name][row])


def test_an_empty_post_is_one_row_of_two_pieces(features: ClassifierFeatures) -> None:
    encoded = encode(features, [""])
    assert encoded.batches[0]["lengths"].tolist() == [[2]]


def test_windows_of_a_long_post_cover_every_piece_and_stay_bounded(features: ClassifierFeatures) -> None:
    post = "the rash on my arm is back again today " * 2600
    assert len(post) > 100_000
    encoded = encode(features, [post])
    seen = np.zeros(len(encoded.pieces[0].starts), dtype=bool)
    for rows in encoded.rows:
        assert len(rows) <= MAX_ROWS
        for _, window in rows:
            seen[window.first : window.first + window.pieces] = True
    assert seen.all()
    assert encoded.pieces[0].ends.max() <= MAX_CHARACTERS


def test_a_pair_points_from_a_word_to_the_first_piece_of_its_head() -> None:
    metadata, tokenizer = load_metadata(CLASSIFIER, "adr_classifier")
    builder = FeatureBuilder(tokenizer, metadata.spec)
    parse = Parse((Token(0, 6, "NN", "nsubj", 1, True), Token(7, 13, "VBD", "ROOT", 1, False)))
    [window] = builder.read("nausea hurted", parse).windows
    text = [tokenizer.id_to_token(int(piece)) for piece in window.arrays["input_ids"]]
    verb = text.index("hurt")
    heads, labels = window.arrays["dep_heads"], window.arrays["dep_labels"]
    assert heads[1:verb].tolist() == [verb] * (verb - 1)
    assert heads[verb : verb + 2].tolist() == [verb, verb]
    assert labels[1] == metadata.labels.index("nsubj") + 1
    assert labels[verb + 1] == metadata.labels.index("ROOT") + 1
    assert (heads[0], heads[-1]) == (0, len(text) - 1)


def test_characters_show_the_whole_word_to_each_of_its_pieces() -> None:
    metadata, tokenizer = load_metadata(CLASSIFIER, "adr_classifier")
    builder = FeatureBuilder(tokenizer, metadata.spec)
    parse = Parse((Token(0, 8, "NN", "ROOT", 0, True),))
    [window] = builder.read("metforin", parse).windows
    shown = window.arrays["char_ids"]
    assert len(shown) > 3
    expected = [ALPHABET.index(character) + 1 for character in "metforin"]
    for piece in shown[1:-1]:
        assert piece[:8].tolist() == expected
        assert not piece[8:].any()


@settings(max_examples=30, deadline=None)
@given(text=st.text(max_size=200))
def test_any_text_becomes_valid_inputs(features: ClassifierFeatures, text: str) -> None:
    encoded = encode(features, [text])
    for batch in encoded.batches:
        size = batch["input_ids"].shape[1]
        for name, most in (("dep_heads", size - 1), ("char_ids", len(ALPHABET))):
            assert batch[name].min() >= 0
            assert batch[name].max() <= most
        assert (batch["dep_labels"] <= len(features.metadata.labels)).all()


def test_a_model_with_word_classes_reads_them_too_and_another_digest_says_so() -> None:
    metadata, tokenizer = load_metadata(CLASSIFIER / "1", "adr_classifier")
    plain = replace(metadata.spec, tags=())
    known = FeatureSpec(plain.buckets, plain.overlap, plain.word_characters, plain.labels, ("NN", "VBD"))
    parse = Parse((Token(0, 6, "NN", "nsubj", 1, True), Token(7, 12, "VBD", "ROOT", 1, False)))
    [window] = FeatureBuilder(tokenizer, known).read("nausea 40mg!", parse).windows
    assert set(window.arrays) == {*LEVEL_INPUTS, "tags", "shapes"} - {"lengths"}
    assert {"NN", "VBD"} == {("NN", "VBD")[number - 1] for number in window.arrays["tags"].tolist() if number}
    assert window.arrays["shapes"][0] == window.arrays["tags"][-1] == 0
    [window] = FeatureBuilder(tokenizer, plain).read("nausea 40mg!", parse).windows
    assert "tags" not in window.arrays
    assert plain.digest("x", "y") != known.digest("x", "y")
