"""What is known of an individual case, and how it may change. Pure.

A case is opened by a person from a single report. Nothing in it is text of the post: the narrative is the assessor's own.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import ClassVar, Literal, TypeVar

import msgspec

from shared.errors import AdrwatchError
from shared.events import UNMAPPED, Concept, Terms, derived_id

State = Literal["new", "triaged", "under assessment", "confirmed", "refuted", "closed"]
Met = Literal["met", "not met", "unknown"]
Judgement = Literal["suggested", "confirmed", "rejected"]
# Whether the reference safety information of the drug lists the reaction.
Listedness = Literal["listed", "not listed", "unknown"]

# What may follow what (SIGNALS: new, triaged, under assessment, confirmed or refuted, closed). A closed one is never opened again.
TRANSITIONS: dict[State, tuple[State, ...]] = {
    "new": ("triaged", "closed"),
    "triaged": ("under assessment", "closed"),
    "under assessment": ("confirmed", "refuted"),
    "confirmed": ("under assessment", "closed"),
    "refuted": ("under assessment", "closed"),
    "closed": (),
}
# The four minimum criteria of a valid report (ICH E2D; EMA GVP module VI).
CRITERIA = ("reporter", "patient", "product", "reaction")
# Criteria of seriousness (ICH E2A), by the names of the signal rules, with the sixth that a person judges.
SERIOUSNESS = (
    "death",
    "life_threatening",
    "hospitalisation",
    "disability",
    "congenital_anomaly",
    "medically_important",
)
# A designated event is by itself medically important.
_SUGGESTS = {"designated_event": "medically_important"}


class Dossier(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a case and a signal under review have in common: people bring them from state to state.

    `rule_version` and `overrides` are the alert's: the stamp of the rules that raised it, and those that were not as shipped.
    The stamp is empty where an earlier version took the alert up and did not keep it.
    """

    noun: ClassVar[str]

    id: str
    opened_at: datetime
    opened_by: str
    drug: Concept
    reaction: Concept
    state: State = "new"
    assignee: str | None = None
    rule_version: str = ""
    overrides: tuple[str, ...] = ()


class Flag(msgspec.Struct, frozen=True, omit_defaults=True):
    """Another case that may be of the same patient and reaction, and why. `similarity`: of words, 0 to 1, where it is a reason."""

    case: str
    reasons: tuple[str, ...]
    similarity: float | None = None


class Case(Dossier, frozen=True, kw_only=True, omit_defaults=True):
    """One case. `awareness` is day 0: when somebody first knew of all four minimum criteria. `naranjo`: answers in order.

    `source` is that of the post, and stays when the post is deleted there; empty where nobody knows it. `terms` are the source's as
    they were when the post came, None where nobody said them. `listedness` is what
    a person says. `duplicates` are cases of the same patient and reaction, as a person linked them; each names the others;
    `flags` are those that adrwatch suspects to be.
    """

    noun = "case"

    alert: str | None = None
    post: str | None = None
    source: str = ""
    terms: Terms | None = None
    criteria: dict[str, Met] = {}
    seriousness: dict[str, Judgement] = {}
    situations: tuple[str, ...] = ()
    awareness: date | None = None
    naranjo: tuple[str, ...] = ()
    who_umc: str | None = None
    narrative: str = ""
    listedness: Listedness | None = None
    duplicates: tuple[str, ...] = ()
    flags: tuple[Flag, ...] = ()

    @property
    def valid(self) -> Met:
        """Whether all four minimum criteria are met; `not met` where one is not, `unknown` where nobody knows of one."""
        found = [self.criteria.get(name, "unknown") for name in CRITERIA]
        return "not met" if "not met" in found else "unknown" if "unknown" in found else "met"

    @property
    def serious(self) -> bool | None:
        """Whether a person confirmed a criterion of seriousness; None while one is only suggested, or nobody judged any."""
        judged = set(self.seriousness.values())
        return True if "confirmed" in judged else False if judged == {"rejected"} else None

    @property
    def serious_word(self) -> str:
        """The same for people."""
        if self.serious is None:
            return "suggested" if self.seriousness else "not assessed"
        return "yes" if self.serious else "no"


D = TypeVar("D", bound=Dossier)


def case_id(alert: str) -> str:
    """The id of the case that is opened from an item of the single-report queue."""
    return derived_id("case", alert)


def named(drug: Concept, reaction: Concept) -> dict[str, Met]:
    """The criteria that a report meets by what it names: what no vocabulary knows is not known to be a product or a reaction."""
    return {
        name: "unknown" if concept.id == UNMAPPED else "met"
        for name, concept in (("product", drug), ("reaction", reaction))
    }


def suggested(criteria: tuple[str, ...]) -> dict[str, Judgement]:
    """What the criteria that a mention carries suggest, for a person to confirm or reject."""
    names = [_SUGGESTS.get(name, name) for name in criteria]
    return {name: "suggested" for name in SERIOUSNESS if name in names}


def moved(dossier: D, state: State) -> D:
    """The case or signal in another state. Raises AdrwatchError for a step that is none."""
    allowed = TRANSITIONS[dossier.state]
    if state not in allowed:
        follow = " or ".join(allowed) or f"nothing; open a new {dossier.noun} instead"
        raise AdrwatchError(
            f"{dossier.noun} {dossier.id} is {dossier.state} and cannot become {state}",
            fix=f"after {dossier.state} comes {follow}",
        )
    return msgspec.structs.replace(dossier, state=state)


def listed(case: Case, word: str) -> Case:
    """The case with what a person says of listedness. Raises AdrwatchError for a word that is none."""
    for known in ("listed", "not listed", "unknown"):
        if word == known:
            return msgspec.structs.replace(case, listedness=known)
    raise AdrwatchError(f"listedness cannot be {word!r}", fix="write listed, 'not listed' or unknown")


def judged(case: Case, *, criteria: dict[str, str] | None = None, seriousness: dict[str, str] | None = None) -> Case:
    """The case with what a person says of its criteria. Raises AdrwatchError for a name or a word that is none."""
    for given, names, words in (
        (criteria, CRITERIA, ("met", "not met", "unknown")),
        (seriousness, SERIOUSNESS, ("confirmed", "rejected")),
    ):
        for name, word in (given or {}).items():
            if name not in names:
                raise AdrwatchError(f"there is no criterion {name}", fix=f"criteria are {', '.join(names)}")
            if word not in words:
                raise AdrwatchError(f"{name} cannot be {word!r}", fix=f"write {', '.join(words)}")
    return msgspec.convert(
        msgspec.to_builtins(case)
        | {"criteria": case.criteria | (criteria or {}), "seriousness": case.seriousness | (seriousness or {})},
        Case,
    )
