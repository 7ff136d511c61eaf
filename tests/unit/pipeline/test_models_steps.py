"""Classify and extract with features and a server of our own: what they ask, set, and leave alone."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from services.pipeline.steps.classify import classify
from services.pipeline.steps.document import Document
from services.pipeline.steps.extract import extract
from shared.errors import DependencyAway
from shared.models.decode import Span
from shared.text.parse import Parse
from tests.unit.pipeline.posts import post


class Features:
    """Scores a post by its length; its one span is the first word."""

    metadata = SimpleNamespace(name="made up")
    threshold = 10
    grave_threshold = 4

    def __init__(self, digest: str = "one") -> None:
        self.digest = digest
        self.seen: list[str] = []

    def read(self, post, parse):
        assert parse == Parse(())
        self.seen.append(post)
        return len(post)

    def arrange(self, readings):
        return SimpleNamespace(batches=[{"length": np.asarray([length])} for length in readings])

    def probabilities(self, encoded, outputs):
        return np.asarray([float(output["length"][0]) for output in outputs])

    def decode(self, encoded, outputs, posts):
        return [[Span(0, len(text.split()[0]), "reaction", 0.9)] for text in posts]


class CountingParser:
    version = "counting"

    def __init__(self) -> None:
        self.seen: list[str] = []

    def parse(self, posts):
        self.seen.extend(posts)
        return [Parse(()) for _ in posts]


async def echo(model, inputs):
    return inputs


def documents() -> list[Document]:
    return [
        Document(post("short", 1)),
        Document(post("quite a long post", 2)),
        Document(post("x" * 50, 3), screened="advert"),
    ]


async def test_posts_from_the_threshold_on_are_positive_and_screened_ones_are_not_asked() -> None:
    found = await classify(documents(), Features(), CountingParser(), echo)
    assert [(one.probability, one.positive) for one in found] == [(5.0, False), (17.0, True), (None, False)]


async def test_a_grave_post_passes_from_a_lower_threshold_on() -> None:
    texts = ("coma", "he died", "nope nope", "my cat died on my bed")
    asked = [Document(post(text, number)) for number, text in enumerate(texts)]
    found = await classify(asked, Features(), CountingParser(), echo, designated={"coma"})
    assert [one.positive for one in found] == [True, True, False, True]


async def test_only_positive_posts_are_extracted_and_each_post_is_parsed_once() -> None:
    parser = CountingParser()
    found = await classify(documents(), Features(), parser, echo)
    found = await extract(found, Features(), parser, echo)
    assert [len(one.spans) for one in found] == [0, 1, 0]
    assert parser.seen == ["short", "quite a long post"]


async def test_models_of_one_digest_read_a_post_once_and_others_read_it_for_themselves() -> None:
    classifying, same, other = Features("one"), Features("one"), Features("two")
    found = await classify(documents(), classifying, CountingParser(), echo)
    await extract(found, same, CountingParser(), echo)
    await extract(found, other, CountingParser(), echo)
    assert (classifying.seen, same.seen, other.seen) == (["short", "quite a long post"], [], ["quite a long post"])


async def test_without_gates_both_models_are_asked_about_every_post() -> None:
    parser = CountingParser()
    found = await classify(documents(), Features(), parser, echo, gated=False)
    found = await extract(found, Features(), parser, echo, gated=False)
    assert [one.probability for one in found] == [5.0, 17.0, 50.0]
    assert [len(one.spans) for one in found] == [1, 1, 1]
    assert parser.seen == ["short", "quite a long post", "x" * 50]
    assert [one.reports for one in found] == [False, True, False]


async def test_a_server_that_is_away_is_the_callers_affair() -> None:
    async def away(model, inputs):
        raise DependencyAway("Triton does not answer")

    with pytest.raises(DependencyAway):
        await classify(documents(), Features(), CountingParser(), away)


async def test_nothing_is_asked_where_no_post_is_left() -> None:
    async def never(model, inputs):
        raise AssertionError("asked")

    screened = [Document(post("x", 1), screened="empty")]
    assert await classify(screened, Features(), CountingParser(), never) == screened
    assert await extract(screened, Features(), CountingParser(), never) == screened
