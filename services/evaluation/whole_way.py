"""Runs the pipeline over annotated posts and scores the pairs that it reports.

The steps are those of the live worker, with the models in this process, as in a back-test.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import astuple
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from services.evaluation.following import batches
from services.evaluation.pairs import LEVELS, Gold, Stated, counts, gold_of
from services.evaluation.reports import Report, Row, sampled
from services.evaluation.served import rows
from services.pipeline.process import Tools, process
from services.pipeline.steps.classify import passes
from services.pipeline.steps.normalise import Reported
from shared.corpora.mixing import mixed_tweets
from shared.corpora.readers import AnnotatedPost
from shared.events import Post
from shared.mention_scores import shared
from shared.models.session import ModelPool
from shared.resampling import count_scores, estimates
from shared.settings import Settings

_TIME = datetime(2000, 1, 1, tzinfo=UTC)
_PUBLISHED = (
    "Published, on other tweets at 7 % prevalence: DeepADEMiner F1 .34 from tweets to MedDRA preferred terms, without the medicine "
    "(Magge et al. 2021, JAMIA 28:2184); nearest here: `reaction concept`."
)


def evaluate_mixed(data: Path, prevalence: float, settings: Settings, seed: int) -> Report:
    """The report on tweets of `shared.corpora.mixing`, at `prevalence`."""
    mixture = mixed_tweets(data, prevalence, seed)
    notes = [
        f"ner/en_tweets dev part, posts with a reaction, among negatives of classification/en_tweets dev; drawn by seed {seed}.",
        _PUBLISHED,
    ]
    if mixture.learned:
        notes.insert(
            1,
            f"Of the {mixture.positive} posts with a reaction the published training part of the classifier's tweets holds "
            f"{mixture.learned}; `adrwatch train` leaves them out, other training would find them more easily than new ones.",
        )
    return evaluate_posts(mixture.posts, f"en_tweets at {prevalence:.0%}", settings, seed, notes)


def evaluate_posts(
    posts: Sequence[AnnotatedPost], name: str, settings: Settings, seed: int, notes: Sequence[str] = ()
) -> Report:
    """Precision, recall, F1 of what the pipeline reports of these posts, on each of `pairs.LEVELS`, with intervals over posts."""
    tools = Tools.load(settings)
    gold = [gold_of(post, tools.lexicon, tools.vocabularies.reactions) for post in posts]
    began = time.monotonic()
    reported = asyncio.run(_reported(posts, name, tools, settings))
    seconds = time.monotonic() - began
    stated = [_stated(each) for each in reported]
    lines: list[Row] = []
    for level in LEVELS:
        table = np.asarray([astuple(counts(level, *each)) for each in zip(gold, stated, strict=True)], dtype=np.int64)
        if not table[:, 3].any() and any(each.reactions for each in gold):
            continue  # the corpus does not annotate what this level compares
        lines += rows(level, estimates(len(posts), count_scores(table), seed))
    errors = [
        (kind, position)
        for position, (post, expected, each, found) in enumerate(zip(posts, gold, reported, stated, strict=True))
        for kind in _errors(post.text, expected, each, found, tools)
    ]
    return Report.of(
        "end-to-end",
        name,
        [(post.text, post.drug, sorted((m.type, m.places) for m in post.mentions)) for post in posts],
        (tools.classifier.metadata, tools.extractor.metadata),
        seed,
        seconds,
        _sizes(gold, reported),
        lines,
        notes=list(notes),
        errors=sampled(errors, [post.id for post in posts], seed),
    )


async def _reported(
    posts: Sequence[AnnotatedPost], name: str, tools: Tools, settings: Settings
) -> list[Reported | None]:
    """What the pipeline says of each post; None where a step failed on it."""
    messages = [
        Post(id=f"evaluation:{number}", source="evaluation", text=post.text, created_at=_TIME, ingested_at=_TIME)
        for number, post in enumerate(posts)
    ]
    found: dict[str, Reported] = {}
    with ModelPool(settings.model_repository, tools.numbers, len(os.sched_getaffinity(0))) as models:
        for batch in batches(messages, settings.batch_size, name):
            reported, _ = await process(batch, tools, models.infer)
            found.update((each.outcome.post_id, each) for each in reported)
    return [found.get(message.id) for message in messages]


def _stated(reported: Reported | None) -> list[Stated]:
    mentions = reported.mentions if reported is not None else ()
    return [
        Stated(mention.drug.id, ((mention.reaction_span.start, mention.reaction_span.end),), mention.reaction.id)
        for mention in mentions
    ]


def _sizes(gold: Sequence[Gold], reported: Sequence[Reported | None]) -> dict[str, float]:
    """How many posts and reactions each level rests on."""
    reactions = [reaction for each in gold for reaction in each.reactions]
    return {
        "posts": len(gold),
        "posts with a reaction": sum(bool(each.reactions) for each in gold),
        "of these with a known medicine": sum(bool(each.reactions) and each.drugs_known for each in gold),
        "of these with all concepts annotated": sum(bool(each.reactions) and each.concepts_known for each in gold),
        "reactions": len(reactions),
        "reactions with a concept": sum(reaction.concept is not None for reaction in reactions),
        "reactions whose concept the vocabulary names": sum(reaction.named for reaction in reactions),
        "posts that a step failed on": sum(each is None for each in reported),
    }


def _errors(text: str, gold: Gold, reported: Reported | None, stated: Sequence[Stated], tools: Tools) -> Iterator[str]:
    """The kinds of error of one post, by where the way went wrong."""
    if reported is None:
        yield "step failed"
    elif gold.reactions and not stated:
        status, probability = reported.outcome.status, reported.outcome.probability
        if status.startswith("screened:"):
            yield f"report missed: {status}"
        elif probability is not None and not passes(
            probability, text, tools.classifier, tools.vocabularies.designated_names
        ):
            yield "report missed: classified negative"
        else:
            yield "report missed: no pair"
    elif stated and not gold.reactions:
        yield "pairs without a report"
    else:
        for reaction in gold.reactions:
            near = [each for each in stated if shared(each.places, reaction.places)]
            if not near:
                yield "reaction missed"
            elif reaction.drugs and not any(each.drug in reaction.drugs for each in near):
                yield "reaction found, other medicine"
            elif reaction.named and not any(each.concept == reaction.concept for each in near):
                yield "reaction found, other concept"
        for each in stated:
            if not any(shared(each.places, reaction.places) for reaction in gold.reactions):
                yield "reaction too many"
