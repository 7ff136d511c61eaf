"""Canaries: what is recorded of a version when it is made, and when answers count as different."""

from __future__ import annotations

import pytest

from shared.models.configuration import MODELS
from shared.models.release import CANARY_POSTS, Canary, differences, read_release
from shared.models.repository import version_folder
from tests.unit.models.samples import REPOSITORY


@pytest.mark.parametrize("name", MODELS)
def test_the_committed_models_carry_answers_to_every_canary_that_tell_reports_from_others(name: str) -> None:
    canaries = read_release(version_folder(REPOSITORY / name)).canaries
    assert [canary.text for canary in canaries] == list(CANARY_POSTS)
    if canaries[0].probability is not None:
        assert max(c.probability or 0 for c in canaries) > 0.6
        assert min(c.probability or 0 for c in canaries) < 0.1
    else:
        assert {kind for canary in canaries for _, _, kind, score in canary.spans or () if score >= 0.8} == {
            "drug",
            "reaction",
        }


def probability(value: float) -> list[Canary]:
    return [Canary("a post", probability=value)]


def spans(*found: tuple[int, int, str, float]) -> list[Canary]:
    return [Canary("a post", spans=found)]


def test_probabilities_may_differ_by_what_kernels_differ_and_no_more() -> None:
    assert differences(probability(0.7), probability(0.74)) == []
    assert differences(probability(0.7), probability(0.6)) == ["canary 1: probability 0.6, recorded 0.7"]
    assert differences(probability(0.7), probability(float("nan"))) != []


def test_a_sure_span_must_be_found_by_both_and_an_unsure_one_may_be_missed() -> None:
    sure, unsure, weaker = (0, 4, "drug", 0.95), (6, 9, "reaction", 0.5), (0, 4, "drug", 0.6)
    assert differences(spans(sure, unsure), spans(weaker)) == []
    assert differences(spans(sure), spans(unsure)) == ["canary 1: spans differ at 0-4 (drug)"]
    assert differences(spans(), spans(sure)) == ["canary 1: spans differ at 0-4 (drug)"]
    assert differences(spans(sure), spans((0, 5, "drug", 0.95))) != []


def test_what_differs_is_told_without_the_text_of_the_post() -> None:
    assert not any("a post" in line for line in differences(probability(0.1), probability(0.9)))
