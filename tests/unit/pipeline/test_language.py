from __future__ import annotations

import pytest

from services.pipeline.steps.document import Document
from services.pipeline.steps.language import foreign, language_of
from services.pipeline.steps.screen import screen
from shared.vocabulary.drugs import default_lexicon
from shared.vocabulary.languages import LANGUAGES, drugs_in_any
from tests.unit.pipeline.posts import post

ALL = ("en", *LANGUAGES)
LEXICON = drugs_in_any(LANGUAGES, default_lexicon())
# One report and one remark a language, written for this test.
SAID = {
    "en": "third week on zoloft and i still cannot sleep, my head is killing me every evening",
    "ru": "третью неделю пью золофт и всё равно не могу уснуть, каждый вечер болит голова",
    "zh": "吃了三个星期的舍曲林，还是睡不着觉，每天晚上头疼得厉害",
    "de": "dritte Woche mit Sertralin und ich kann immer noch nicht schlafen, jeden Abend Kopfschmerzen",
    "fr": "troisième semaine sous sertraline et je ne dors toujours pas, j'ai mal à la tête tous les soirs",
}
ELSEWHERE = [
    "es la tercera semana con sertralina y todavía no puedo dormir, me duele la cabeza cada noche, zoloft",
    "zoloftを飲み始めて三週間になりますが、まだ眠れません。毎晩頭が痛いです",
    "третій тиждень п'ю золофт і все одно не можу заснути, щовечора дуже болить голова, що ж робити",
    "σερτραλίνη τρίτη εβδομάδα και ακόμα δεν μπορώ να κοιμηθώ, zoloft, πονάει το κεφάλι μου κάθε βράδυ",
]


def language(text: str, stated: str | None = None, read: tuple[str, ...] = ALL) -> str | None:
    return language_of(text, LEXICON.find(text), stated, read)


@pytest.mark.parametrize("code", SAID)
def test_a_post_is_read_in_its_language_whatever_its_source_says_of_it(code: str) -> None:
    assert {language(SAID[code], stated) for stated in (None, "und", code, f"{code}-XX")} == {code}


@pytest.mark.parametrize("text", [*ELSEWHERE, SAID["ru"]])
def test_what_is_surely_in_no_language_that_is_read_is_in_none(text: str) -> None:
    assert language(text, read=("en", "de", "fr")) is None


@pytest.mark.parametrize("text", ELSEWHERE)
def test_languages_that_nobody_reads_are_kept_apart(text: str) -> None:
    assert language(text) is None


@pytest.mark.parametrize(
    ("text", "stated", "code"),
    [
        ("от золофта тошнит", None, "ru"),
        ("золофт", None, "ru"),
        ("吃ibuprofen头疼", None, "zh"),
        ("布洛芬", None, "zh"),
        ("zoloft", None, "en"),
        ("zoloft lol", "fr", "fr"),
        ("zoloft lol", "ru", "en"),
        ("zoloft 😭😭", "und", "en"),
        ("", None, "en"),
    ],
)
def test_a_short_post_goes_by_its_script_then_by_its_source(text: str, stated: str | None, code: str) -> None:
    assert language(text, stated) == code


@pytest.mark.parametrize("text", [*SAID.values(), *ELSEWHERE, "zoloft lol", "золофт"])
@pytest.mark.parametrize("stated", [None, "en", "de", "und"])
def test_with_english_alone_a_post_is_read_where_it_is_not_surely_foreign(text: str, stated: str | None) -> None:
    drugs = default_lexicon().find(text)
    assert (language_of(text, drugs, stated, ("en",)) is None) == foreign(text, drugs, stated)


def screened(text: str, others: tuple[str, ...], stated: str | None = None) -> Document:
    (document,), failed = screen([Document(post(text, language=stated))], default_lexicon(), (), others)
    assert failed == []
    return document


def test_each_language_goes_on_with_its_own_medicines() -> None:
    for code, text in SAID.items():
        document = screened(text, LANGUAGES)
        assert (document.screened, document.language) == (None, code)
        assert [drug.concept.label for drug in document.drugs] == ["sertraline"]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (ELSEWHERE[0], "language"),
        ("ничего особенного сегодня не было, просто гуляли", "no_drug"),
        ("😭 HTTPURL @USER", "empty"),
        ("die Apotheke hat wieder Proben verteilt und wir rufen morgen an, sagt meine Mutter", "no_drug"),
        ("Buy cheap viagra online, no prescription needed! HTTPURL", "advert"),
    ],
)
def test_what_stops_with_several_languages_says_why(text: str, why: str) -> None:
    assert screened(text, LANGUAGES).screened == why


def test_english_posts_are_screened_as_they_are_without_other_languages() -> None:
    for text in (SAID["en"], "get zoloft cheap! free shipping HTTPURL", "advil", "nothing here", ELSEWHERE[0]):
        for stated in (None, "en", "es"):
            with_others, alone = screened(text, LANGUAGES, stated), screened(text, (), stated)
            assert (with_others.screened, with_others.drugs) == (alone.screened, alone.drugs)
            assert alone.language is None
