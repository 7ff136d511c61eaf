"""One classifier may hold a calibration and thresholds for each language."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest

from services.models.languages import assign
from services.pipeline.process import Tools
from shared.models.classifier import OUTPUT, ClassifierFeatures
from shared.models.languages import Pair
from shared.models.metadata import METADATA, Calibration, Metadata, ModelMismatch
from shared.settings import load
from tests.versions import add_pair, new_repository

RUSSIAN = Calibration(2.0, -1.0, {"balanced": 0.31, "recall": 0.12, "precision": 0.8})
PAIR = Pair("multilingual", 1)


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = new_repository(tmp_path_factory.mktemp("by-language") / "models")
    add_pair(folder, PAIR.name, PAIR.version, "2027.5.0")
    file = folder / PAIR.models[0] / "1" / METADATA
    metadata = msgspec.json.decode(file.read_bytes(), type=Metadata)
    file.write_bytes(msgspec.json.encode(msgspec.structs.replace(metadata, by_language={"ru": RUSSIAN})))
    assign(folder, ["ru", "de"], PAIR)
    return folder


def test_posts_of_a_language_are_judged_by_its_own_calibration_and_others_by_that_of_all(repository: Path) -> None:
    tools = Tools.load(load(model_repository=repository, languages="en,ru,de"))
    common = ClassifierFeatures.load(repository / PAIR.models[0] / "1", name=PAIR.models[0]).metadata
    russian, german = tools.others["ru"].classifier, tools.others["de"].classifier
    assert (russian.threshold, russian.grave_threshold) == (0.31, 0.12)
    assert german.threshold == common.policies["balanced"] != 0.31
    assert (russian.metadata.temperature, russian.metadata.bias) == (2.0, -1.0)
    assert russian.digest == german.digest == common.digest
    texts = ["третью неделю пью золофт и не могу уснуть"]
    encoded = russian.encode(texts, tools.others["ru"].parser.parse(texts))
    said = [{OUTPUT: np.asarray([[3.0]], dtype=np.float32)}]
    assert russian.probabilities(encoded, said) == pytest.approx(1 / (1 + np.exp(-(3.0 / 2.0 - 1.0))), abs=1e-4)
    assert german.probabilities(encoded, said) == pytest.approx(
        1 / (1 + np.exp(-(3.0 / common.temperature + common.bias))), abs=1e-4
    )
    assert russian.probabilities(encoded, said) != german.probabilities(encoded, said)


def test_a_policy_that_a_language_lacks_is_refused_by_name(repository: Path) -> None:
    features = ClassifierFeatures.load(repository / PAIR.models[0] / "1", "precision", PAIR.models[0])
    lacking = msgspec.structs.replace(features.metadata, by_language={"ru": Calibration(1.0, 0.0, {"balanced": 0.5})})
    features.metadata = lacking
    with pytest.raises(ModelMismatch, match="no threshold for the policy precision"):
        features.in_language("ru")


def test_metadata_without_languages_is_read_as_before() -> None:
    plain = Metadata(
        name="m", version="1", digest="d", parser="none", buckets=(8,), overlap=2, word_characters=4, labels=()
    )
    encoded = msgspec.json.encode(plain)
    assert msgspec.json.decode(encoded.replace(b',"by_language":{}', b""), type=Metadata) == plain
    assert plain.of_language("ru") is plain
