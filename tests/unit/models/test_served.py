"""The committed models through onnxruntime: a decision belongs to its post, not to its batch."""

from __future__ import annotations

import json
import random
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from shared.models.classifier import ClassifierFeatures
from shared.models.decode import Span
from shared.models.extractor import ExtractorFeatures
from shared.models.features import pad
from shared.models.metadata import ModelMismatch, check_parser, check_served, load_metadata
from shared.models.repository import read_active, version_folder
from shared.models.session import OnnxModel
from shared.text.parse import default_parser
from tests.unit.models.samples import CLASSIFIER, EXTRACTOR, OTHERS, POSTS, REPORTS, REPOSITORY

CLASSIFIER_GRAPH, EXTRACTOR_GRAPH = OnnxModel.of_folder(CLASSIFIER), OnnxModel.of_folder(EXTRACTOR)


CLASSIFIER_FEATURES, EXTRACTOR_FEATURES = ClassifierFeatures.load(CLASSIFIER), ExtractorFeatures.load(EXTRACTOR)


def probabilities(posts: list[str]) -> list[float]:
    features = CLASSIFIER_FEATURES
    encoded = features.encode(posts, default_parser().parse(posts))
    outputs = [CLASSIFIER_GRAPH.infer(batch) for batch in encoded.batches]
    return [float(value) for value in features.probabilities(encoded, outputs)]


def spans(posts: list[str]) -> list[list[Span]]:
    features = EXTRACTOR_FEATURES
    encoded = features.encode(posts, default_parser().parse(posts))
    return features.decode(encoded, [EXTRACTOR_GRAPH.infer(batch) for batch in encoded.batches], posts)


def test_reports_score_above_other_posts() -> None:
    assert min(probabilities(REPORTS)) > max(probabilities(OTHERS))
    threshold = CLASSIFIER_FEATURES.threshold
    assert all(value >= threshold for value in probabilities(REPORTS))
    assert all(value < threshold for value in probabilities(OTHERS))


def test_a_post_has_one_probability_in_any_company_and_order() -> None:
    alone = [probabilities([post])[0] for post in POSTS]
    assert probabilities(POSTS) == alone
    shuffled = list(range(len(POSTS))) * 5
    random.Random(7).shuffle(shuffled)
    assert probabilities([POSTS[index] for index in shuffled]) == [alone[index] for index in shuffled]


def test_a_post_has_the_same_spans_in_any_company_and_order() -> None:
    alone = [spans([post])[0] for post in POSTS]
    assert spans(POSTS) == alone
    shuffled = list(range(len(POSTS))) * 5
    random.Random(8).shuffle(shuffled)
    assert spans([POSTS[index] for index in shuffled]) == [alone[index] for index in shuffled]


def test_padding_beyond_the_bucket_changes_no_decision() -> None:
    features = CLASSIFIER_FEATURES
    encoded = features.encode(POSTS, default_parser().parse(POSTS))
    for rows in encoded.rows:
        for size in features.metadata.buckets:
            if size >= encoded.batches[encoded.rows.index(rows)]["input_ids"].shape[1]:
                output = CLASSIFIER_GRAPH.infer(pad([window for _, window in rows], size))["logit"]
                least = CLASSIFIER_GRAPH.infer(encoded.batches[encoded.rows.index(rows)])["logit"]
                np.testing.assert_allclose(output, least, atol=2e-4)


def test_a_reaction_late_in_a_long_post_is_found() -> None:
    quiet = "today i walked the dog and then we had lunch in the garden with my sister. "
    post = quiet * 60 + "since i started lipitor i have terrible muscle pain and a headache."
    found = {post[span.start : span.end] for span in spans([post])[0] if span.start >= len(quiet) * 60}
    assert any("muscle pain" in text for text in found)
    assert any("lipitor" in text for text in found)


def test_a_post_of_100_kb_is_scored_within_bounded_batches() -> None:
    post = "unbelievable weather " * 5000  # read up to its 40,000th character
    assert len(post) > 100_000
    assert 0.0 <= probabilities([post])[0] <= 1.0


def test_an_empty_post_is_no_report_and_names_nothing() -> None:
    assert probabilities([""])[0] < CLASSIFIER_FEATURES.threshold
    assert spans([""]) == [[]]


def test_a_reaction_and_its_drug_are_named_with_their_places() -> None:
    post = "Cymbalta gives me terrible night sweats"
    found = {(span.type, post[span.start : span.end].lower()) for span in spans([post])[0]}
    assert ("drug", "cymbalta") in found
    assert any(kind == "reaction" and "night sweats" in text for kind, text in found)


@pytest.mark.parametrize("folder", [CLASSIFIER, EXTRACTOR])
def test_the_server_s_parameters_agree_with_the_metadata(folder: Path) -> None:
    metadata, _ = load_metadata(folder, folder.name)
    number = read_active(REPOSITORY).version
    pattern = r'key: "([\w.]+)" value: \{ string_value: "([^"]*)"'
    parameters = dict(re.findall(pattern, (folder / "config.pbtxt").read_text()))
    check_served(metadata, number, parameters)
    check_parser(metadata, default_parser().version)
    with pytest.raises(ModelMismatch, match="version"):
        check_served(metadata, number, {**parameters, f"version.{number}": "1999.1.0"})
    with pytest.raises(ModelMismatch, match="version none"):
        check_served(metadata, number + 1, parameters)
    with pytest.raises(ModelMismatch, match="parses"):
        check_parser(metadata, "another:parser:1")


def test_a_model_trained_on_other_features_is_refused(tmp_path: Path) -> None:
    metadata: dict[str, Any] = json.loads((version_folder(CLASSIFIER) / "metadata.json").read_text())
    (tmp_path / "tokenizer.json").write_text((version_folder(CLASSIFIER) / "tokenizer.json").read_text())
    (tmp_path / "metadata.json").write_text(json.dumps({**metadata, "overlap": 1}))
    with pytest.raises(ModelMismatch, match="trained on features") as refusal:
        load_metadata(tmp_path, "adr_classifier")
    assert "retrain" in refusal.value.fix


def test_a_model_folder_without_files_says_which_is_missing(tmp_path: Path) -> None:
    with pytest.raises(Exception, match=r"lacks metadata\.json"):
        ClassifierFeatures.load(tmp_path)
    with pytest.raises(Exception, match="no model at"):
        OnnxModel.of_folder(tmp_path)
