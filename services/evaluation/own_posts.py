"""Own posts through the steps: what is read of each reaction, of the person, of situations and criteria of seriousness.

Two ways: with the posts' annotated medicines and reactions (what attribution and flags do by themselves), and with the
served models and the lexicon (what the whole pipeline does).
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np

from services.evaluation.attribution import annotated, mentions, reaction_spans
from services.evaluation.post_files import Place
from services.evaluation.reports import Row
from services.evaluation.statements import LabelledStatement
from services.pipeline.process import Tools, process
from services.pipeline.steps.attribute import attribute
from services.pipeline.steps.classify import passes
from services.pipeline.steps.document import Document
from services.pipeline.steps.normalise import Vocabularies, normalise
from shared.assertion.flags import SERIOUS, SITUATIONS
from shared.errors import AdrwatchError
from shared.events import Mention, Post
from shared.models.session import ModelPool
from shared.scores import Counts, bootstrap
from shared.settings import Settings

# Posts in one request to the models.
_BATCH = 64
_MOMENT = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Told:
    """What the steps made of one post. `stage`: the last one it reached (screen, classify, attribute, mention)."""

    post: LabelledStatement
    mentions: tuple[Mention, ...]
    stage: str = "mention"

    @property
    def serious(self) -> frozenset[str]:
        """The criteria that any of its mentions carries."""
        return frozenset(name for mention in self.mentions for name in mention.serious)

    @property
    def situations(self) -> frozenset[str]:
        """The situations that any of its mentions carries."""
        return frozenset(name for mention in self.mentions for name in mention.situations)


def with_annotated_entities(posts: Sequence[LabelledStatement], vocabularies: Vocabularies) -> list[Told]:
    """Attribute and normalise alone: screen, classifier, lexicon and extractor are taken to be right."""
    documents = [
        Document(
            _post(post),
            positive=True,
            drugs=mentions(post.text, post.drugs),
            spans=reaction_spans([(reaction.start, reaction.end) for reaction in post.reactions]),
        )
        for post in posts
    ]
    attributed, broken = attribute(documents)
    reported, unnamed = normalise(attributed, vocabularies, "annotated entities")
    if broken or unnamed:
        failure = (broken + unnamed)[0]
        raise AdrwatchError(f"{failure.post.id}: {failure.stage} failed with {failure.detail}", fix="report this bug")
    return [Told(post, report.mentions) for post, report in zip(posts, reported, strict=True)]


def with_models(posts: Sequence[LabelledStatement], settings: Settings, threads: int) -> list[Told]:
    """The whole pipeline in this process, with the models of the settings' repository."""
    tools = Tools.load(settings)
    with ModelPool(settings.model_repository, tools.numbers, threads) as models:
        return asyncio.run(_through(posts, tools, models))


async def _through(posts: Sequence[LabelledStatement], tools: Tools, models: ModelPool) -> list[Told]:
    told = []
    designated = tools.vocabularies.designated_names
    for start in range(0, len(posts), _BATCH):
        batch = posts[start : start + _BATCH]
        reported, failed = await process([_post(post) for post in batch], tools, models.infer)
        if failed:
            raise AdrwatchError(
                f"{failed[0].post.id}: {failed[0].stage} failed with {failed[0].detail}", fix="report this bug"
            )
        by_id = {report.outcome.post_id: report for report in reported}
        for post in batch:
            report = by_id[_id(post)]
            if report.outcome.status.startswith("screened:"):
                stage = "screen"
            elif not passes(report.outcome.probability or 0.0, post.text, tools.classifier, designated):
                stage = "classify"
            else:
                stage = "mention" if report.mentions else "attribute"
            told.append(Told(post, report.mentions, stage))
    return told


def status_rows(told: Sequence[Told], seed: int) -> Iterator[Row]:
    """For each way to speak of a reaction, the share of its spans that is rightly reported or rightly left out."""
    by_class: dict[str, list[bool]] = {}
    for one in told:
        reported = {_placed(one.post, mention) for mention in one.mentions}
        for reaction in one.post.reactions:
            kept = (reaction.start, reaction.end) in reported
            by_class.setdefault(reaction.status, []).append(kept is (reaction.status == "asserted"))
    for name, right in sorted(by_class.items()):
        yield share(name, "rightly reported" if name == "asserted" else "rightly left out", right, seed)


def person_row(told: Sequence[Told], seed: int) -> Row:
    """Of the reported reactions that are asserted, the share with the right person."""
    right = []
    for one in told:
        whose = {(reaction.start, reaction.end): reaction for reaction in one.post.reactions}
        for mention in one.mentions:
            reaction = whose.get(_placed(one.post, mention) or (-1, -1))
            if reaction is not None and reaction.status == "asserted":
                right.append(mention.person == reaction.person)
    return share("person", "right", right, seed)


def flag_rows(told: Sequence[Told], seed: int) -> Iterator[Row]:
    """Precision and recall of all situations and of all criteria together, and the recall of each, over posts."""
    situations = [(one.situations, frozenset(one.post.situations)) for one in told]
    serious = [(one.serious, frozenset(one.post.serious)) for one in told]
    for title, names, pairs in (("situations", SITUATIONS, situations), ("serious criteria", SERIOUS, serious)):
        hits = sum(len(ours & theirs) for ours, theirs in pairs)
        counts = Counts(hits, hits, sum(len(ours) for ours, _ in pairs), sum(len(theirs) for _, theirs in pairs))
        for metric in ("precision", "recall"):
            yield Row(title, metric, _rounded(getattr(counts, metric)), _over_posts(pairs, metric, seed))
        for name in names:
            yield share(name, "recall", [name in ours for ours, theirs in pairs if name in theirs], seed)


def serious_rows(told: Sequence[Told], seed: int) -> Iterator[Row]:
    """Posts with a criterion of seriousness or designated event that are flagged, false flags on others, and where they stop."""
    grave = [one for one in told if one.post.serious]
    others = [one for one in told if not one.post.serious]
    yield share("serious posts", "flagged", [bool(one.serious) for one in grave], seed)
    yield share("serious posts", "reported at all", [bool(one.mentions) for one in grave], seed)
    yield share("other posts", "falsely flagged", [bool(one.serious) for one in others], seed)


def stage_rows(told: Sequence[Told], seed: int) -> Iterator[Row]:
    """How far serious posts, all reports and posts that report nothing come: screen, classifier (of those that passed), mention."""
    grave = [one for one in told if one.post.serious]
    reports = [one for one in told if one.post.pairs]
    others = [one for one in told if not one.post.pairs]
    for name, kept in (("serious posts", grave), ("all reports", reports), ("posts that report nothing", others)):
        yield share(name, "pass the screen", [one.stage != "screen" for one in kept], seed)
        passed = [one.stage != "classify" for one in kept if one.stage != "screen"]
        yield share(name, "pass the classifier", passed, seed)
        yield share(name, "give a mention", [bool(one.mentions) for one in kept], seed)


def share(of: str, metric: str, right: Sequence[bool], seed: int) -> Row:
    """A share with its 95 % interval; the number of cases stands in the name."""
    if not right:
        return Row(f"{of} (0)", metric, None, None)

    cases = np.asarray(right, dtype=np.float64)

    def drawn(index: Any) -> float:
        return float(cases[index].mean())

    return Row(f"{of} ({len(right)})", metric, round(sum(right) / len(right), 4), bootstrap(len(right), drawn, seed))


def _over_posts(pairs: Sequence[tuple[frozenset[str], frozenset[str]]], metric: str, seed: int) -> list[float] | None:
    table = np.asarray([(len(ours & theirs), len(ours), len(theirs)) for ours, theirs in pairs], dtype=np.int64)

    def drawn(index: Any) -> float:
        hits, predicted, gold = (int(value) for value in table[index].sum(axis=0))
        return float(getattr(Counts(hits, hits, predicted, gold), metric))

    return bootstrap(len(table), drawn, seed) if len(table) else None


def _rounded(value: float) -> float | None:
    return None if value != value else round(value, 4)


def _placed(post: LabelledStatement, mention: Mention) -> Place | None:
    """The annotated reaction of a mention: the widened span of the attribution ends where the annotated one ends."""
    return annotated([(reaction.start, reaction.end) for reaction in post.reactions], mention.reaction_span)


def _post(post: LabelledStatement) -> Post:
    return Post(id=_id(post), source="own", text=post.text, created_at=_MOMENT, ingested_at=_MOMENT)


def _id(post: LabelledStatement) -> str:
    return f"own:{post.id}"
