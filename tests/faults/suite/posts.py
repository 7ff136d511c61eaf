"""Posts that we wrote, without end, the same for a seed: reports, signals among them, single reports, reposts, small talk."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from shared.text.identity import post_hash

SOURCE = "vendor"
SECRET = "the secret of authors in fault runs"
# Of event time, between a post and the next: a minute of a run at 30 posts/s is five days, with a hundred buckets.
STEP = timedelta(minutes=4)

_DRUGS = (
    "sertraline", "fluoxetine", "tramadol", "gabapentin", "metformin", "lisinopril", "atorvastatin", "prednisone",
    "ozempic", "quetiapine", "venlafaxine", "lamictal", "humira", "lyrica", "mirtazapine", "topiramate",
)  # fmt: skip
_REPORTS = (
    "so much nausea from {drug}", "{drug} gives me a pounding headache", "vomiting all day from {drug}",
    "so dizzy from {drug}", "itchy red rash from {drug}", "{drug} is giving me insomnia", "so much fatigue since {drug}",
    "sweating all night from {drug}", "awful dry mouth on {drug}", "constipated again on {drug}",
    "{drug} gives me joint pain", "tremors since {drug}",
)  # fmt: skip
# These come far more often than chance has it: they become signals.
_PLANTED = ((0, 0), (2, 4), (7, 9))
_TALK = (
    "picked up my {drug} at the corner shop",
    "{drug} at breakfast as every day",
    "does anyone keep {drug} in the tin",
)
_OTHER = "the bus was late again"
_GRAVE = (
    "went into anaphylaxis from {drug}", "my throat swelled shut after {drug}", "had rhabdomyolysis from {drug}",
    "liver failure from {drug}",
)  # fmt: skip
_WORDS = (
    "amber", "birch", "cedar", "delta", "ember", "fjord", "grove", "heron", "ivory", "jolly", "koala", "lemon", "maple",
    "north", "olive", "pearl", "quilt", "river", "sugar", "tulip", "umbra", "velvet", "willow", "yacht", "zebra",
)  # fmt: skip
_LARGE = 100_000
_AUTHORS = 4000


@dataclass(frozen=True)
class Written:
    """A post as its sender knows it. `quiet`: nothing is asserted in it, so that its deletion changes no count."""

    native: str
    text: str
    created_at: datetime
    author: str
    quiet: bool = False

    @property
    def id(self) -> str:
        """As adrwatch calls it."""
        return f"{SOURCE}:{self.hashed}"

    @property
    def hashed(self) -> str:
        """Its native id as it is kept."""
        return post_hash(SECRET, SOURCE, self.native)

    def record(self) -> dict[str, Any]:
        """As it is pushed."""
        return {
            "id": self.native, "text": self.text, "created_at": self.created_at.isoformat(), "author": self.author,
            "language": "en",
        }  # fmt: skip

    def line(self) -> dict[str, Any]:
        """As a back-test reads it, under the id that it has at adrwatch."""
        return self.record() | {"id": self.hashed}


class Posts:
    """The stream of one seed, in the order of event time."""

    def __init__(self, seed: int, began: datetime = datetime(2024, 1, 1, tzinfo=UTC)) -> None:
        self._chance = random.Random(f"posts of {seed}")
        self._at = began
        self._number = 0
        self._texts: list[str] = []

    def take(self, count: int) -> list[Written]:
        """The next posts."""
        return [self._next() for _ in range(count)]

    def large(self) -> Written:
        """A post of 100 kB: it states one reaction, and then goes on for very long."""
        words = self._ending()
        return self._written(f"so dizzy from {_DRUGS[3]}. " + f"{words}. " * (_LARGE // (len(words) + 2)))

    def last(self, count: int) -> list[Written]:
        """Posts of one time, enough to lie in every partition: event time comes to the same end in all of them."""
        self._at += STEP
        at = self._at
        return [self._written(f"{_OTHER}, {self._ending()}", at, quiet=True) for _ in range(count)]

    def _next(self) -> Written:
        kind = self._chance.random()
        if kind < 0.08:
            return self._written(f"{_OTHER}, {self._ending()}", quiet=True)
        if kind < 0.18:
            text = self._chance.choice(_TALK)
        elif kind < 0.20:
            # Of reposts the one that is handled first opens the item, so these have none.
            drug = self._chance.choice(_DRUGS)
            return self._written(f"{self._chance.choice(_GRAVE).format(drug=drug)}, {self._ending()}", told=False)
        elif kind < 0.23 and self._texts:
            return self._written(self._chance.choice(self._texts))
        elif kind < 0.40:
            drug, report = self._chance.choice(_PLANTED)
            return self._written(f"{_REPORTS[report].format(drug=_DRUGS[drug])}, {self._ending()}")
        else:
            text = self._chance.choice(_REPORTS)
        return self._written(f"{text.format(drug=self._chance.choice(_DRUGS))}, {self._ending()}")

    def _ending(self) -> str:
        return " ".join(self._chance.sample(_WORDS, 4))

    def _written(self, text: str, at: datetime | None = None, *, quiet: bool = False, told: bool = True) -> Written:
        self._number += 1
        if at is None:
            self._at += STEP
            at = self._at
        if told and not quiet and len(text) < 1000:
            self._texts = [*self._texts[-50:], text]
        author = f"somebody{self._chance.randrange(_AUTHORS)}"
        return Written(f"post-{self._number}", text, at, author, quiet)
