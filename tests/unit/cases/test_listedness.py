"""Listedness by the sentences of reference safety information. All texts are ours."""

from __future__ import annotations

import pytest

from shared.cases.listedness import Names, suggest
from shared.events import Concept
from shared.vocabulary.reactions import default_vocabulary

DRUG = Concept("DB:1", "somedrug")


@pytest.fixture(scope="module")
def names() -> Names:
    return Names(default_vocabulary().phrases())


def reaction(phrase: str) -> Concept:
    found = default_vocabulary().match(phrase).concept
    assert found.id != "unmapped"
    return found


@pytest.mark.parametrize(
    ("text", "phrase", "word"),
    [
        ("Common: headache, nausea, rashes.", "nausea", "listed"),
        ("Common: headache, nausea, rashes.", "rash", "listed"),
        ("No cases of anaphylaxis were observed.", "anaphylaxis", "not listed"),
        ("No cases of rash, urticaria or nausea were observed.", "nausea", "not listed"),
        ("Nausea, rash and headache were not observed in the trials.", "rash", "not listed"),
        ("Nausea was reported, vomiting was not observed.", "nausea", "listed"),
        ("Nausea was reported, vomiting was not observed.", "vomiting", "not listed"),
        ("No deaths occurred and rash was seen in two patients.", "rash", "listed"),
        ("There were no reported cases of insomnia.", "insomnia", "not listed"),
        ("Not only nausea but also vomiting has been reported.", "nausea", "listed"),
        ("Anaphylaxis cannot be excluded.", "anaphylaxis", "listed"),
        ("It is not known whether it causes insomnia.", "insomnia", "not listed"),
        ("Contraindicated in patients with a history of seizures.", "seizure", "not listed"),
        ("Indicated for the treatment of severe nausea.", "nausea", "not listed"),
        ("Indicated for the treatment of nausea. Very rare: seizures.", "seizure", "listed"),
        ("No cases of rash in adults; in children rash has been reported.", "rash", "listed"),
        ("No headache. Headache was seen after marketing.", "headache", "listed"),
        ("Frequency not known: insomnia.", "insomnia", "listed"),
        ("Common: headache.", "nausea", "not listed"),
        ("Very rare: throwing up.", "vomiting", "listed"),
    ],
)
def test_what_a_text_lists(names, text, phrase, word):
    found = suggest({DRUG.id: text}, DRUG, reaction(phrase), names)
    assert found.word == word, found.reason


def test_the_sentence_is_the_reason(names):
    text = "Headache is common.\nNausea  was seen in 3 % of patients. No cases of insomnia were seen."
    assert suggest({DRUG.id: text}, DRUG, reaction("nausea"), names).reason == "Nausea was seen in 3 % of patients."
    assert suggest({DRUG.id: text}, DRUG, reaction("insomnia"), names).reason == "No cases of insomnia were seen."
    assert suggest({DRUG.id: text}, DRUG, reaction("seizure"), names).reason == "no sentence names it"


def test_a_name_inside_another_reaction_s_longer_name_is_not_it():
    shock, longer = Concept("X:1", "Shock"), Concept("X:2", "Anaphylactic shock")
    names = Names([("shock", shock), ("anaphylactic shock", longer)])
    texts = {DRUG.id: "Rare: anaphylactic shock."}
    assert suggest(texts, DRUG, shock, names).word == "not listed"
    assert suggest(texts, DRUG, longer, names).word == "listed"


def test_what_cannot_be_looked_up_is_unknown(names):
    assert suggest({}, DRUG, reaction("nausea"), names).word == "unknown"
    assert suggest({DRUG.id: "Nausea."}, DRUG, Concept("unmapped", "unmapped"), names).word == "unknown"
