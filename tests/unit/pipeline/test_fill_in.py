"""Grave posts in which the extractor found no reaction: what they name stands in, and nothing else changes."""

from __future__ import annotations

import pytest

from services.pipeline.steps.attribute import attribute
from services.pipeline.steps.document import Document
from services.pipeline.steps.fill_in import fill_in
from services.pipeline.steps.normalise import Vocabularies, normalise
from shared.models.decode import Span as TypedSpan
from shared.vocabulary.drugs import default_lexicon
from shared.vocabulary.reactions import default_vocabulary
from shared.vocabulary.terms import default_terms
from tests.unit.pipeline.posts import post

TERMS = default_terms()
DESIGNATED = frozenset({"agranulocytosis"})


def document(text: str, **known) -> Document:
    return Document(
        post(text=text), **{"positive": True, "probability": 0.61, "drugs": default_lexicon().find(text)} | known
    )


def mentions(text: str, **known) -> list[tuple[str, str, tuple[str, ...]]]:
    filled, failed = fill_in([document(text, **known)], TERMS, DESIGNATED)
    attributed, unattributed = attribute(filled)
    [reported], unnamed = normalise(attributed, Vocabularies(default_vocabulary(), (), DESIGNATED), "models")
    assert not failed + unattributed + unnamed
    return [(m.drug.label, m.reaction.label, m.serious) for m in reported.mentions]


def test_a_death_that_the_extractor_missed_is_reported_as_serious():
    assert mentions("my aunt died from penicillin when i was 9") == [("penicillin", "Death", ("death",))]


def test_a_designated_event_counts_as_grave_by_its_name_alone():
    assert mentions("clozapine gave me agranulocytosis") == [("clozapine", "Agranulocytosis", ("designated_event",))]


def test_the_score_of_a_filled_in_reaction_is_the_classifiers():
    [filled], _ = fill_in([document("my aunt died from penicillin")], TERMS, DESIGNATED)
    assert [(span.type, span.score) for span in filled.spans] == [("reaction", 0.61)]


@pytest.mark.parametrize(
    ("text", "known"),
    [
        ("zoloft gives me a headache", {}),  # not grave
        ("my aunt died from penicillin", {"positive": False}),
        ("my aunt died from penicillin", {"screened": "advert"}),
        ("my phone died while i googled zoloft headaches", {}),  # a figure of speech is not grave
    ],
)
def test_other_posts_are_left_alone(text, known):
    [filled], failed = fill_in([document(text, **known)], TERMS, DESIGNATED)
    assert filled.spans == []
    assert failed == []


def test_where_the_extractor_found_a_reaction_nothing_is_added():
    rash = TypedSpan(0, 4, "reaction", 0.9)
    [filled], _ = fill_in([document("rash from penicillin, then she died", spans=[rash])], TERMS, DESIGNATED)
    assert filled.spans == [rash]


def test_what_is_filled_in_is_judged_like_any_other_reaction():
    assert mentions("in the icu for an appendix. she has not died from penicillin") == []


def test_a_post_that_breaks_the_step_takes_no_other_along():
    class Breaking:
        def find(self, text):
            raise ValueError(text)

    good, bad = document("zoloft gives me a headache"), document("my aunt died from penicillin")
    done, failed = fill_in([good, bad], Breaking(), DESIGNATED)
    assert done == [good]
    assert [(f.post.id, f.stage, f.detail) for f in failed] == [(bad.post.id, "fill-in", "ValueError")]
