from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.events import UNMAPPED
from shared.vocabulary.phrases import stem, stems, words
from shared.vocabulary.reactions import NONE, default_vocabulary

VOCABULARY = default_vocabulary()


@pytest.mark.parametrize(
    ("key", "phrases"),
    [
        ("HP:0002013", ["throwing up", "vomited", "puke", "threw up twice", "vomit", "cant keep food down"]),
        (
            "HP:0100785",
            ["couldn't sleep", "cant sleep", "no sleep", "insomnia", "Insomia", "not able to sleep", "up all night"],
        ),
        ("HP:0000988", ["rash all over", "a rash", "itchy rash", "rashes"]),
        ("HP:0002315", ["headache", "head hurts", "awful headaches", "hedache", "my head is pounding"]),
        ("HP:0004396", ["no appetite", "lost my appetite", "killed my appetite", "not hungry at all"]),
        ("HP:0004324", ["gained 10 pounds", "gained 20 lbs", "weight gain", "put on weight", "gaining so much weight"]),
        ("HP:0001962", ["heart racing", "my heart is racing", "palpitations"]),
        ("HP:0001596", ["hair falling out", "hair loss", "losing my hair"]),
        ("HP:0001337", ["shaky", "hands shaking", "tremors"]),
        ("ADRW:0002", ["brain zaps", "brain zap"]),
        ("HP:0031589", ["suicidal thoughts", "wanted to kill myself"]),
    ],
)
def test_ways_of_saying_one_reaction_meet_in_one_concept(key: str, phrases: list[str]) -> None:
    assert {phrase: VOCABULARY.match(phrase).concept.id for phrase in phrases} == dict.fromkeys(phrases, key)


@pytest.mark.parametrize("phrase", ["", "!!!", "the weather", "my new phone case", "HTTPURL", "1234", "so what", "😂"])
def test_what_is_not_known_is_unmapped_and_never_guessed(phrase: str) -> None:
    assert VOCABULARY.match(phrase).concept == NONE
    assert NONE.id == UNMAPPED


@pytest.mark.parametrize("phrase", ["not tired", "never any headaches", "no problem with nausea"])
def test_no_part_is_taken_out_of_a_negated_phrase(phrase: str) -> None:
    assert VOCABULARY.match(phrase).concept.id not in {"HP:0012378", "HP:0002315", "HP:0002018"}


@pytest.mark.parametrize(
    ("phrase", "how"),
    [
        ("cant sleep", "phrase"),
        ("really could not sleep", "stems"),
        ("diahrreaa", "spelling"),
        ("such awful burning nausea mornings", "part"),
        ("purple bicycle", "none"),
    ],
)
def test_the_match_tells_which_step_of_the_cascade_found_it(phrase: str, how: str) -> None:
    assert VOCABULARY.match(phrase).how == how


@pytest.mark.parametrize(
    ("phrase", "label"),
    [
        ("the worst night sweats", "Night sweats"),
        ("so many night sweats lately", "Night sweats"),
        ("night sweats", "Night sweats"),
        ("sweats", "Hyperhidrosis"),
    ],
)
def test_words_that_say_nothing_do_not_hide_a_longer_name(phrase: str, label: str) -> None:
    assert VOCABULARY.match(phrase).concept.label == label


@pytest.mark.parametrize("phrase", ["felt like death", "dead tired", "scared to death of needles", "to die for"])
def test_figures_of_speech_are_no_deaths(phrase: str) -> None:
    assert VOCABULARY.match(phrase).concept.id != "ADRW:0009"


def test_designated_events_have_the_ids_of_the_signal_rules() -> None:
    wanted = {
        "anaphylactic shock": "HP:0100845",
        "stevens johnson": "DOID:0050426",
        "liver failure": "HP:0001399",
        "rhabdo": "HP:0003201",
        "bell's palsy": "HP:0010628",
    }
    assert {phrase: VOCABULARY.match(phrase).concept.id for phrase in wanted} == wanted


@given(st.text(max_size=60))
def test_any_text_has_a_match_that_case_and_spaces_do_not_change(text: str) -> None:
    match = VOCABULARY.match(text)
    assert VOCABULARY.match(f"  {text}  ") == match
    assert match.concept == NONE or VOCABULARY.concept(match.concept.id) == match.concept


@given(st.text(max_size=40))
def test_words_and_stems_are_stable(text: str) -> None:
    listed = words(text)
    assert words(" ".join(listed)) == listed
    assert stems(listed) == stems(reversed(listed))


def test_inflections_share_a_stem_and_different_words_do_not() -> None:
    assert len({stem(word) for word in ("vomit", "vomiting", "vomited", "vomits")}) == 1
    assert stem("sleepy") != stem("sleep")
    assert stem("rash") != stem("rush")
