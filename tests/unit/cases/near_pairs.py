"""Pairs of posts that we wrote: the same report in nearly the same words, and reports that are not the same.

All name one drug and mostly one reaction, for only such are held against each other.
"""

from __future__ import annotations

SHOCK = (
    "Took amoxicillin for a sinus infection on Tuesday and ended up in the emergency room an hour later, throat swelling shut, "
    "blood pressure through the floor. Doctors say anaphylactic shock. Never again."
)
RASH = "Day three of amoxicillin and I am covered in an itchy red rash from neck to ankles, calling the doctor tomorrow"
SON = (
    "My son was given amoxicillin for an ear infection and broke out in hives all over his back within two hours. "
    "The pharmacist told us to stop it at once and to have allergy to penicillin put on his record."
)
LIVER = (
    "Two weeks of amoxicillin/clavulanate and my eyes are yellow. Liver enzymes are ten times what they should be, "
    "says the hospital."
)

# What people do to a report that they post again, or that is passed on by others.
NEAR = {
    "spelled otherwise": (SHOCK, SHOCK.replace("emergency room", "ER").replace("throat", "thraot")),
    "hashtags and an address added": (RASH, RASH + " #amoxicillin #sideeffects #allergy HTTPURL"),
    "a comment before a repost": (
        SHOCK,
        "This could happen to anybody, please be careful! RT @USER: " + SHOCK,
    ),
    "cut at the end by a limit of length": (SON, SON[:150] + "…"),
    "a sentence added later": (
        RASH,
        RASH + ". Update: doctor says stop taking it, and gave me antihistamines.",
    ),
    "some words put otherwise": (
        SHOCK,
        "I took amoxicillin for a sinus infection on Tuesday and ended up in the emergency room an hour later with my "
        "throat swelling shut and blood pressure through the floor. The doctors said anaphylactic shock. Never ever again!",
    ),
    "sentences in another order": (SON, " ".join(reversed(SON.split(". "))).replace("record.", "record. ")),
    "told in the third person": (
        LIVER,
        "Two weeks of amoxicillin/clavulanate and her eyes are yellow. Liver enzymes are ten times what they should be, "
        "the hospital says.",
    ),
    "in capitals, with signs": (RASH, "!!! " + RASH.upper() + " !!! 😡😡"),
    "a line of greeting added": (
        LIVER,
        "Hello everyone, new here and rather scared. " + LIVER + " Has anybody had this?",
    ),
    "day and number changed": (SHOCK, SHOCK.replace("Tuesday", "Wednesday").replace("an hour", "45 minutes")),
    "first half only": (SON, SON.split(". ")[0] + ". #penicillinallergy"),
}

# Other patients with the same drug and reaction, some in words that anybody would choose.
APART = {
    "two rashes": (
        RASH,
        "Amoxicillin gave me a rash on my arms last week, itchy as anything, doctor switched me to something else",
    ),
    "two shocks": (
        SHOCK,
        "My sister nearly died of anaphylactic shock after one tablet of amoxicillin. Ambulance, adrenaline, two nights "
        "in hospital.",
    ),
    "two children with hives": (
        SON,
        "Our daughter got hives from amoxicillin on day seven of ten, all over her legs. The doctor said that this is "
        "common and not a true allergy.",
    ),
    "two livers": (
        LIVER,
        "After a course of amoxicillin/clavulanate my dad turned yellow. The hospital says drug-induced liver injury and "
        "hopes that it will pass.",
    ),
    "one beginning, other people": (
        "Amoxicillin gave my wife a terrible rash on her arms and we had to go to hospital",
        "Amoxicillin gave my boss a mild rash on his face so he simply stopped taking it",
    ),
    "short and common": (
        "amoxicillin gave me a rash again, so annoying, will not take it any more",
        "amoxicillin gave me a rash last year and I still took it this time, no problem",
    ),
    "questions of one kind": (
        "Has anybody else had a rash from amoxicillin? Mine began on day two and is getting worse every day.",
        "Has anybody else had a headache from amoxicillin? I am on day five and cannot sleep at night because of it.",
    ),
    "counting of days": (
        "Day 3 of amoxicillin: rash on my chest, no fever, feeling mostly fine otherwise",
        "Day 6 of amoxicillin: rash is gone, but the stomach cramps are awful and I feel sick",
    ),
    "lists of one form": (
        "Allergies: amoxicillin (hives), pollen, cats. Please share if you know an allergist in town.",
        "Allergies: amoxicillin (shock in 2019), nuts, latex. My bracelet says it all, and it once saved me.",
    ),
    "two sons": (
        SON,
        "My son was given amoxicillin for tonsillitis and had a fit the next morning. Nobody at the clinic can tell us "
        "whether the one has to do with the other.",
    ),
}

# Forms that an app fills in: of two patients, and yet the same words. Only a person can tell.
FORM = (
    "I logged a side effect with my medication diary: amoxicillin 500 mg, rash, severity 2 of 5, day 3 of treatment.",
    "I logged a side effect with my medication diary: amoxicillin 500 mg, rash, severity 4 of 5, day 8 of treatment.",
)
