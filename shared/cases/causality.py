"""Was it the drug? Two guided ways: Naranjo's scale, which gives a score, and the WHO-UMC system, which gives a category. Pure."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from shared.errors import AdrwatchError

ANSWERS = ("yes", "no", "unknown")
_FILE = Path(__file__).parent / "causality.toml"


@dataclass(frozen=True)
class Question:
    """One question of Naranjo's scale and what each answer adds; `unknown` adds nothing."""

    text: str
    yes: int
    no: int


@dataclass(frozen=True)
class Category:
    """One category of the WHO-UMC system and what must hold for it."""

    name: str
    needs: tuple[str, ...]


@dataclass(frozen=True)
class Forms:
    """Both forms, in the order of their sources."""

    naranjo: tuple[Question, ...]
    who_umc: tuple[Category, ...]


@cache
def forms() -> Forms:
    """The forms that adrwatch ships."""
    with _FILE.open("rb") as stream:
        raw = tomllib.load(stream)
    return Forms(
        tuple(Question(question["text"], question["yes"], question["no"]) for question in raw["naranjo"]),
        tuple(Category(category["name"], tuple(category["needs"])) for category in raw["who_umc"]),
    )


def naranjo_score(answers: Sequence[str]) -> tuple[int, str]:
    """The score (-4 to 13) and its class: definite from 9, probable from 5, possible from 1, doubtful below.

    Naranjo et al. 1981, doi:10.1038/clpt.1981.154. Raises AdrwatchError for answers that are none, or too few or many.
    """
    questions = forms().naranjo
    if len(answers) != len(questions) or any(answer not in ANSWERS for answer in answers):
        raise AdrwatchError(
            f"Naranjo's scale has {len(questions)} questions",
            fix=f"answer each with {', '.join(ANSWERS)}, in their order",
        )
    score = sum(
        {"yes": question.yes, "no": question.no, "unknown": 0}[answer]
        for question, answer in zip(questions, answers, strict=True)
    )
    return score, "definite" if score >= 9 else "probable" if score >= 5 else "possible" if score >= 1 else "doubtful"


def who_umc(name: str) -> Category:
    """A category by its name. Raises AdrwatchError for one that there is not."""
    found = {category.name: category for category in forms().who_umc}
    if name not in found:
        raise AdrwatchError(f"the WHO-UMC system has no category {name}", fix=f"categories are {', '.join(found)}")
    return found[name]
