"""Posts written for the tests, in the manner of public posts, and where the served models lie."""

from __future__ import annotations

from pathlib import Path

REPOSITORY = Path(__file__).parents[3] / "triton_models"
CLASSIFIER = REPOSITORY / "adr_classifier"
EXTRACTOR = REPOSITORY / "adr_ner"

REPORTS = [
    "day 3 on metforin and i cant stop throwing up",
    "this seroquel has made me so hungry i ate everything in the fridge and gained 20 pounds",
    "cymbalta is giving me the worst night sweats and i feel dizzy all day",
    "took my trazodone last night and now i feel like a zombie with a pounding headache",
]
OTHERS = [
    "anyone know if humira goes through the donut hole this year?",
    "big sale on vitamins and more this week only HTTPURL",
    "@USER my pharmacy opens at nine so i will pick up the prozac then",
    "new trial of rivaroxaban published today HTTPURL",
]
POSTS = [
    *REPORTS,
    *OTHERS,
    "",
    "ok",
    "🤢🤢 Lexapro → nausea, İstanbul heat does not help…",
    "no nausea so far on lexapro, fingers crossed",
    "i have been on effexor for about six weeks now. the first two weeks were fine but then my hands began to shake, "
    "i could not sleep and i had these strange electric shocks in my head whenever i turned it. my doctor says that it "
    "will pass but i am not so sure. has anybody here been through the same thing with effexor or with pristiq?",
]
