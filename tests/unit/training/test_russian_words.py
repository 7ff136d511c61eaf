"""Features of Russian words, in sentences that we wrote."""

from __future__ import annotations

import numpy as np
import pytest

from services.training.russian.words import EMOTIONS, MORPHOLOGY, ORTHOGRAPHY, PARTS, WIDTHS, WordReader, columns

READER = WordReader()


def feature(text: str, word: str, group: str) -> list[float]:
    """The columns of a group for a word of a text."""
    words = READER.read(text)
    place = words.forms.index(word)
    return [float(value) for value in words.features[place, columns([group])]]


def grammemes(text: str, word: str) -> set[str]:
    values = feature(text, word, "speech")
    return {name for name, value in zip((*PARTS, *MORPHOLOGY), values, strict=True) if value}


def test_words_and_signs_keep_their_places() -> None:
    text = "Пью по 1/2 таб., из-за сыпи…"
    words = READER.read(text)
    assert words.forms == ["Пью", "по", "1", "/", "2", "таб", ".", ",", "из-за", "сыпи", "…"]
    assert [text[start:end] for start, end in zip(words.starts, words.ends, strict=True)] == words.forms
    assert words.features.shape == (11, sum(WIDTHS.values()))
    assert words.features.dtype == np.float32


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("таблетками", {"NOUN", "ablt", "plur", "femn", "inan"}),
        ("тошнило", {"VERB", "past", "sing", "neut", "impf", "indc", "intr"}),
        ("назначенного", {"PRTF", "gent", "sing", "pssv", "past", "perf", "tran"}),
        ("!", {"PNCT"}),
        ("500", {"NUMB"}),
        ("Nurofen", {"LATN"}),
    ],
)
def test_part_of_speech_and_morphology(word: str, expected: set[str]) -> None:
    found = grammemes(f"Вот {word} тут", word)
    assert expected <= found
    assert len(found & set(PARTS)) == 1


def test_seven_questions_of_how_a_word_is_written() -> None:
    answers = {word: feature(f"и {word} и", word, "orthography") for word in ("ЖЕСТЬ", "Боль", "боль", "B12", "500")}
    assert len(ORTHOGRAPHY) == 7
    assert answers == {
        "ЖЕСТЬ": [1, 0, 1, 0, 0, 0, 0],
        "Боль": [0, 0, 1, 0, 0, 0, 0],
        "боль": [0, 1, 0, 0, 0, 0, 0],
        "B12": [1, 0, 1, 1, 1, 0, 0],
        "500": [0, 0, 0, 1, 1, 1, 0],
    }


def test_the_dictionary_marks_medicines_in_any_case_and_reactions_of_several_words() -> None:
    text = "После золофта началась головная боль, потом сонливость"
    assert feature(text, "золофта", "dictionary") == [1, 0, 0, 0]
    assert feature(text, "головная", "dictionary") == [0, 0, 1, 0]
    assert feature(text, "боль", "dictionary") == [0, 0, 0, 1]
    assert feature(text, "сонливость", "dictionary") == [0, 0, 1, 0]
    for word in ("После", "началась", ",", "потом"):
        assert feature(text, word, "dictionary") == [0, 0, 0, 0], word


def test_words_of_feeling_are_known_in_all_their_forms() -> None:
    names = list(EMOTIONS)
    values = feature("Меня это ужасно напугало, я боялась", "боялась", "emotion")
    assert values[names.index("fear")] == 1
    assert sum(values[: len(names)]) == 1
    assert feature("Очень понравились", "понравились", "emotion")[names.index("liking")] == 1


def test_markers_tell_of_the_whole_text() -> None:
    markers = feature("Пила, ела и спала!", "и", "emotion")[len(EMOTIONS) :]
    verbs_to_adjectives, verbs_to_nouns, verb_forms, questions, exclamations, length = markers
    assert (verbs_to_adjectives, questions) == (1, 0)
    assert exclamations == pytest.approx(1 / 6)
    assert verb_forms == pytest.approx(verbs_to_nouns * 3 / 4, abs=0.26)
    assert length == pytest.approx(4 / 50)
    assert markers == feature("Пила, ела и спала!", "спала", "emotion")[len(EMOTIONS) :]


def test_a_text_without_words_has_none() -> None:
    assert READER.read(" \n").features.shape == (0, sum(WIDTHS.values()))


def test_no_feeling_is_listed_twice_and_all_are_dictionary_forms() -> None:
    listed = [word for words in EMOTIONS.values() for word in words]
    assert len(listed) == len(set(listed))
    assert all(words for words in EMOTIONS.values())


def test_groups_of_columns_do_not_share_any() -> None:
    parts = [set(columns([group]).tolist()) for group in WIDTHS]
    assert sum(map(len, parts)) == len(set.union(*parts)) == sum(WIDTHS.values())
    assert columns(["emotion", "speech"]).tolist() == sorted(parts[0] | parts[3])
