from __future__ import annotations

from collections.abc import Collection

import pytest

from services.pipeline.steps.document import Document
from services.pipeline.steps.screen import screen
from shared.screening.model import PERSON
from shared.screening.posts import read_posts
from shared.vocabulary.drugs import default_lexicon
from tests.unit.pipeline.posts import post


def reason(text: str, language: str | None = None, designated: Collection[str] = ()) -> str | None:
    (document,), failed = screen([Document(post(text, language=language))], default_lexicon(), designated)
    assert failed == []
    return document.screened


@pytest.mark.parametrize(
    "text",
    [
        "zoloft makes me so sleepy",
        "RT @USER: zoloft makes me so sleepy",
        "omg #seroquel 😴😴",
        "lexapro + weekend = zzz",
        "i can't afford to buy my insulin, the price at the pharmacy online is crazy HTTPURL",
        "cymbalta brain zaps ughhh",
        "grandpa's ankles on amlodipine HTTPURL",
        "anyone else get headaches from singulair?",
    ],
)
def test_posts_that_name_a_medicine_go_on_and_so_do_reposts(text: str) -> None:
    assert reason(text) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "empty"),
        ("@USER HTTPURL 😂 !!", "empty"),
        ("what a lovely morning, my head hurts though", "no_drug"),
        ("seit ich ibuprofen nehme kann ich nicht mehr schlafen und mir ist immer so schwindelig", "language"),
        ("depuis que je prends du zoloft je ne dors plus et j'ai tout le temps mal à la tête", "language"),
        ("после таблетки ибупрофен у меня весь день болит голова, ibuprofen мне не подходит", "language"),
        ("Buy cheap viagra online, no prescription needed! HTTPURL", "advert"),
        ("Generic lipitor: best price, free shipping, order now", "advert"),
        (
            "Chantix lawsuit news: see if you qualify for compensation, contact an attorney HTTPURL",
            "advert",
        ),
        ("Lisinopril: dosage, uses, warnings and side effects HTTPURL", "bot"),
    ],
)
def test_posts_stop_for_the_reason_that_is_theirs(text: str, expected: str) -> None:
    assert reason(text) == expected


def test_neither_a_grave_post_nor_one_in_the_first_person_falls_to_the_advert_model_alone() -> None:
    advert = "Chantix lawsuit news: see if you qualify for compensation, contact an attorney HTTPURL"
    assert reason(advert) == "advert"
    assert reason(f"{advert} my brother") is None
    assert reason(advert.replace("news", "news, she died after it")) is None
    assert reason(advert, designated=("attorney",)) is None


def test_a_grave_post_goes_on_though_it_uses_the_words_of_a_shop() -> None:
    assert reason("the neighbour's boy died after xanax from an online pharmacy, no prescription needed") is None


def test_the_source_may_say_that_a_post_is_english_and_is_believed() -> None:
    text = "ich liebe zoloft lol aber the nausea is real und so weiter bla bla"
    assert reason(text, language="en-GB") is None


def test_a_language_that_the_source_states_makes_a_less_sure_identification_count() -> None:
    doubtful = "ibuprofen: mi cabeza, so bad, todo el dia y the pain no para nunca ok gente"
    assert reason(doubtful) is None
    assert reason(doubtful, language="und") is None
    assert reason(doubtful, language="es") == "language"


def test_documents_keep_what_the_lexicon_found() -> None:
    (document,), _ = screen([Document(post("advil, then zoloft"))], default_lexicon())
    assert [drug.concept.label for drug in document.drugs] == ["ibuprofen", "sertraline"]


def test_a_document_that_breaks_the_step_fails_alone_and_its_text_is_not_told() -> None:
    class Broken:
        def find(self, text: str) -> list[object]:
            if "secret" in text:
                raise ValueError(text)
            return []

    documents = [Document(post("zoloft", 1)), Document(post("secret", 2)), Document(post("advil", 3))]
    done, failed = screen(documents, Broken())  # type: ignore[arg-type]
    assert [document.post.id for document in done] == ["test:1", "test:3"]
    assert [(failure.post.id, failure.stage, failure.reason) for failure in failed] == [
        ("test:2", "screen", "screen-failed")
    ]
    assert "secret" not in failed[0].detail


def test_no_written_post_of_a_person_stops() -> None:
    assert [each.text for each in read_posts() if each.label == PERSON and reason(each.text) is not None] == []
