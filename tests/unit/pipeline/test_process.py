"""The whole way of a batch in this process: what goes on at the same time, and what an error leaves behind."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Sequence
from dataclasses import replace

import pytest
from py3langid import langid

from services.pipeline.process import Tools, process
from services.pipeline.steps import screen
from services.pipeline.steps.ask import Arrays
from shared.errors import DependencyAway
from shared.models import classifier, extractor
from shared.settings import load
from shared.text.parse import Parse
from shared.vocabulary import ngrams
from tests.benchmarks.fixed_triton import made_up
from tests.unit.models.samples import REPOSITORY
from tests.unit.pipeline.posts import post

POSTS = [post(f"day {day} on zoloft and i have a headache {'again ' * (day % 12)}", day) for day in range(100)]
WIDTHS = {classifier.NAME: 1, extractor.NAME: 33}


class Watched:
    """A parser and models that note what they do in `seen`; a request needs two more tasks to leave, as with gRPC."""

    def __init__(self, tools: Tools) -> None:
        self.seen: list[str] = []
        self._parser = tools.parser
        self.version = tools.parser.version

    def parse(self, posts: Sequence[str]) -> list[Parse]:
        if posts:
            self.seen.append("parsed")
        return self._parser.parse(posts)

    async def infer(self, model: str, inputs: Arrays) -> Arrays:
        async def leave() -> None:
            await asyncio.create_task(self._send())

        await asyncio.create_task(leave())
        await asyncio.sleep(0.01)
        output = classifier.OUTPUT if model == classifier.NAME else extractor.OUTPUT
        return {output: made_up(inputs, WIDTHS[model], of_pieces=model == extractor.NAME)}

    async def _send(self) -> None:
        self.seen.append("sent")


@pytest.fixture(scope="module")
def tools() -> Tools:
    loaded = Tools.load(load(model_repository=REPOSITORY))
    loaded.warm()
    return loaded


async def test_requests_are_on_their_way_while_the_features_of_the_next_posts_are_built(tools: Tools) -> None:
    watched = Watched(tools)
    reported, failed = await process(POSTS, replace(tools, parser=watched), watched.infer)
    assert failed == []
    assert [one.outcome.post_id for one in reported] == [one.id for one in POSTS]
    assert watched.seen.count("parsed") > 2
    firsts = [place for place, what in enumerate(watched.seen) if what == "parsed"]
    assert all("sent" in watched.seen[one:other] for one, other in itertools.pairwise(firsts))


async def test_a_post_among_many_becomes_what_it_becomes_alone(tools: Tools) -> None:
    watched = Watched(tools)
    together, _ = await process(POSTS, tools, watched.infer)
    assert any(one.mentions for one in together)
    for one, done in zip(POSTS[::20], together[::20], strict=True):
        assert (await process([one], tools, watched.infer))[0] == [done]


async def test_an_error_leaves_as_it_is_and_no_request_goes_on_behind_it(tools: Tools) -> None:
    going = 0

    async def away(model: str, inputs: Arrays) -> Arrays:
        nonlocal going
        going += 1
        try:
            await asyncio.sleep(0)
            if inputs["input_ids"].shape[1] > 16:
                raise DependencyAway("Triton does not answer")
            await asyncio.sleep(60)
        finally:
            going -= 1
        raise AssertionError("the batch has failed before")

    with pytest.raises(DependencyAway):
        await process(POSTS, tools, away)
    assert going == 0


def test_what_is_loaded_late_is_there_before_the_first_post(tools: Tools, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object, **__: object) -> None:
        raise AssertionError("loaded late")

    monkeypatch.setattr(ngrams.TfIdf, "fit", never)
    monkeypatch.setattr(langid.LanguageIdentifier, "from_model_file", never)
    assert screen.reason(
        "ich nehme seit drei Wochen Zoloft und schlafe jede Nacht schlecht", tools.lexicon.find("zoloft"), None
    )
    assert tools.vocabularies.reactions.match("quite another oddity of the elbows").how != "phrase"
