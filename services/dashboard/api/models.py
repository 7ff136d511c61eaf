"""What the API sends: its own form of what adrwatch knows, so that messages may change while version 1 stays."""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal

from pydantic import BaseModel, Field

from services.dashboard.triage import Line, began
from shared import events
from shared.cases.clocks import deadlines
from shared.cases.model import Case, Judgement, Met, State


class Concept(BaseModel):
    """A term of a vocabulary."""

    id: str = Field(description="such as HP:0002018 or DB01104, or `unmapped`")
    label: str

    @classmethod
    def of(cls, concept: events.Concept) -> Concept:
        """From a message."""
        return cls(id=concept.id, label=concept.label)


class Measure(BaseModel):
    """A measure with its interval at 95 % (of EBGM: EB05 and EB95); null what the counts cannot give."""

    value: float | None
    lower: float | None
    upper: float | None


class Table(BaseModel):
    """Distinct posts: a with drug and reaction, b with the drug only, c with the reaction only, d with neither."""

    a: int
    b: int
    c: int
    d: int


class Seriousness(BaseModel):
    """How serious an alert is, by the criteria of ICH E2A."""

    word: Literal["yes", "no", "suggested", "not assessed", "nothing said"] = Field(
        description="yes, no: a person judged the case; suggested: by what posts tell; not assessed: a case without any suggestion"
    )
    criteria: list[str] = Field(description="those that a person confirmed, else those that posts suggest")
    posts: int | None = Field(
        description="of a signal: posts of the pair in the alert's window that tell of one, reposts too; null of a single report"
    )

    @classmethod
    def of(cls, line: Line) -> Seriousness:
        """From a line of the list."""
        posts = None if line.alert.kind == "single_report" else line.posts.posts
        return cls.model_validate(
            {"word": line.serious or "nothing said", "criteria": list(line.criteria), "posts": posts}
        )


class Alert(BaseModel):
    """A signal of many posts, or one report of the queue, with where its review stands."""

    id: str
    kind: Literal["disproportionality", "single_report"]
    lane: Literal["urgent", "special", "signal"]
    drug: Concept
    reaction: Concept
    state: State
    assignee: str | None
    episode: datetime = Field(
        description="start of the episode's first bucket; of a single report, the post's time, without evidence:read its hour"
    )
    evaluated_at: datetime = Field(description="end of the bucket up to which it was counted")
    since: datetime | None = Field(description="when it was first written, as far as the topic goes back")
    window_hours: int | None
    table: Table | None
    authors: int | None
    measures: dict[str, Measure]
    rules: list[str]
    rule_version: str
    overrides: list[str] = Field(description="rules that are not as shipped")
    previous: str | None = Field(description="the pair's episode before")
    serious: Seriousness
    listed: str | None = Field(description="by your reference safety information; null where there is none")
    due: date | None = Field(description="the first day on which its case is to be reported")
    examples: list[str] | None = Field(description="ids of posts; null without the right evidence:read")

    @classmethod
    def of(cls, line: Line, *, evidence: bool) -> Alert:
        """From a line of the list."""
        alert = line.alert
        return cls(
            id=alert.id, kind=alert.kind, lane=alert.lane, drug=Concept.of(alert.drug), reaction=Concept.of(alert.reaction),
            state=line.state, assignee=line.assignee, episode=began(alert, exact=evidence),
            evaluated_at=began(alert, exact=evidence) if alert.kind == "single_report" else alert.evaluated_at, since=line.since,
            window_hours=alert.window_hours,
            table=Table(a=alert.table.a, b=alert.table.b, c=alert.table.c, d=alert.table.d) if alert.table else None,
            authors=alert.authors,
            measures={
                name: Measure(value=one.value, lower=one.lower, upper=one.upper) for name, one in alert.measures.items()
            },
            rules=list(alert.rules), rule_version=alert.rule_version, overrides=list(alert.overrides), previous=alert.previous,
            serious=Seriousness.of(line), listed=line.listed, due=line.due, examples=list(alert.examples) if evidence else None,
        )  # fmt: skip


class Deadline(BaseModel):
    """By when a case is due in a region."""

    region: str
    due: date
    provisional: bool = Field(description="seriousness is only suggested, so the earlier day stands")


class CaseOut(BaseModel):
    """One case, of one patient."""

    id: str
    alert: str | None
    drug: Concept
    reaction: Concept
    state: State
    assignee: str | None
    opened_at: datetime
    opened_by: str
    source: str
    valid: Met
    criteria: dict[str, Met]
    serious: bool | None = Field(description="null while nobody has judged it")
    seriousness: dict[str, Judgement]
    situations: list[str]
    awareness: date | None = Field(description="day 0")
    deadlines: list[Deadline]
    who_umc: str | None
    naranjo: list[str]
    listedness: str | None
    narrative: str
    duplicates: list[str]

    @classmethod
    def of(cls, case: Case) -> CaseOut:
        """From a case."""
        return cls(
            id=case.id, alert=case.alert, drug=Concept.of(case.drug), reaction=Concept.of(case.reaction), state=case.state,
            assignee=case.assignee, opened_at=case.opened_at, opened_by=case.opened_by, source=case.source, valid=case.valid,
            criteria=case.criteria, serious=case.serious, seriousness=case.seriousness, situations=list(case.situations),
            awareness=case.awareness,
            deadlines=[Deadline(region=one.region, due=one.due, provisional=one.provisional) for one in deadlines(case)],
            who_umc=case.who_umc, naranjo=list(case.naranjo), listedness=case.listedness, narrative=case.narrative,
            duplicates=list(case.duplicates),
        )  # fmt: skip


class Changed(BaseModel):
    """An alert has changed."""

    id: str
    new: bool = Field(description="it was not known before")
    gone: bool = Field(description="it was taken back")
