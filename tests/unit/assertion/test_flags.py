from __future__ import annotations

from pathlib import Path

import pytest

from shared.assertion.flags import SERIOUS, SITUATIONS, flags
from shared.assertion.text import Statement
from shared.signals import rules


@pytest.mark.parametrize(
    ("flag", "post"),
    [
        ("death", "my uncle died after two doses of vioxx"),
        ("death", "it killed my grandmother"),
        ("life_threatening", "almost died from one cipro pill"),
        ("life_threatening", "went into anaphylactic shock within minutes"),
        ("hospitalisation", "lamictal landed me in the er"),
        ("hospitalisation", "was hospitalised for a week with pancreatitis"),
        ("disability", "levaquin left me with permanent nerve damage"),
        ("congenital_anomaly", "she took it and the baby has a cleft palate"),
        ("pregnancy", "12 weeks pregnant and zofran makes me constipated"),
        ("lactation", "zoloft while breastfeeding gave my baby diarrhea"),
        ("overdose", "took too many tylenol and i feel awful"),
        ("misuse", "snorted my vyvanse and my nose will not stop bleeding"),
        ("medication_error", "accidentally took my ambien at noon"),
        ("off_label", "on seroquel off-label for sleep, gained so much weight"),
        ("lack_of_effect", "this lexapro does nothing and i am still tired"),
        ("death", "my mum passed two days after her dose"),
        ("life_threatening", "turned blue and the nurse did cpr"),
        ("hospitalisation", "they kept me overnight with chest pain"),
        ("disability", "nerve damage, i will never work again"),
        ("congenital_anomaly", "our baby has had a hole in her heart since birth"),
        ("pregnancy", "i'm expecting and this makes me so tired"),
        ("lactation", "nothing but headaches and my milk supply is gone"),
        ("overdose", "overdid the melatonin and threw up"),
        ("misuse", "took my brother's adderall and my heart raced"),
        ("medication_error", "the pharmacist mixed up the bottles and i fainted"),
        ("off_label", "isn't licensed for sleep and made me fat"),
        ("lack_of_effect", "hasn't kicked in, only a dry mouth"),
        ("product_defect", "the pens leak, my leg burns"),
        ("product_defect", "the new batch of pills crumbled, tasted odd and made me sick, expired maybe"),
    ],
)
def test_each_criterion_and_situation_is_found(flag: str, post: str) -> None:
    assert flag in flags(Statement(post), 0)


@pytest.mark.parametrize(
    "post",
    [
        "dying for a coffee after this seroquel",
        "this headache is killing me",
        "i'm dead 😂 ambien made me order ten pizzas",
        "zoloft killed my appetite",
        "almost died laughing at my ambien texts",
        "prozac can cause death in dogs",
        "does it cause birth defects?",
        "side effects include death",
        "i work at the hospital and this headache won't quit",
        "i was not hospitalized but it was bad",
        "not pregnant, just bloated from this pill",
        "took a pregnancy test because of the nausea, negative",
        "so tired i feel useless on this stuff",
        "puts me in a coma every night",
        "i admitted to being sleepy",
        "my laptop died and so did my mood on this stuff, dizzy",
        "visited my aunt in hospital, then my own heartburn began",
        "my passport expired and this pill made me fat",
        "i'm expecting a package and feel dizzy",
    ],
)
def test_figures_of_speech_fears_and_denials_raise_no_flag(post: str) -> None:
    assert flags(Statement(post), 0) == ()


def test_a_flag_belongs_to_reactions_near_it() -> None:
    post = "my aunt died after the shot. " + "nothing to tell here. " * 8 + "my own arm was sore"
    assert "death" in flags(Statement(post), 5)
    assert flags(Statement(post), len(post) - 3) == ()


def test_the_names_are_those_of_the_signal_rules() -> None:
    single = rules.load_rules(Path(rules.__file__).with_name("rules.toml")).single_report
    assert single.serious.criteria == SERIOUS
    assert single.situations.criteria == SITUATIONS
