"""Models of other languages on a real Triton: loaded when a worker asks for them, and again when the server was restarted."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from deploy.demo.sample import SPOKEN, SPOKEN_EXPECTED, SPOKEN_POSTS
from deploy.local.multilingual import with_other_languages
from deploy.local.processes import Context
from deploy.local.stack import Stack
from services.models.languages import assign
from services.models.server import connected
from services.pipeline.follow import FollowingHandler
from services.pipeline.process import Tools
from services.pipeline.worker import PostHandler, _served
from shared.errors import DependencyAway
from shared.events import Mention, Outcome, Post, decode, encode
from shared.models.configuration import MODELS
from shared.models.languages import Pair
from shared.models.session import ModelPool
from shared.settings import PACKAGE_ROOT, load
from shared.stream import Record
from shared.topics import MENTIONS, OUTCOMES
from shared.triton_security import TritonAddress
from tests.unit.pipeline.posts import post
from tests.versions import add_pair, new_repository

PAIR = Pair("multilingual", 2)
POSTS = [
    post("zoloft gave me such bad insomnia, four nights without sleep", 1),
    post("третью неделю пью золофт и всё равно не могу уснуть, каждый вечер болит голова", 2),
]


def until(true: Callable[[], bool]) -> None:
    """Wait for something that must happen, however slow the machine is."""
    end = time.monotonic() + 120
    while not true():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.1)


def record(one: Post, offset: int) -> Record:
    return Record("adr.posts", 0, offset, one.id.encode(), encode(one), (), 0)


async def test_models_of_other_languages_are_loaded_when_a_worker_asks_for_them(tmp_path: Path) -> None:
    repository = new_repository(tmp_path / "models")
    add_pair(repository, PAIR.name, PAIR.version, "2027.5.0")
    assign(repository, ["ru"], PAIR)
    settings = load(model_repository=repository, data_dir=tmp_path / "data", languages="en,ru", triton_url=None)
    with Stack(settings, servers=["triton"]) as stack:
        address = TritonAddress(stack.addresses["triton_url"])

        def ready() -> list[set[int]]:
            with connected(address) as server:
                return [server.loaded(model) for model in (*MODELS, *PAIR.models)]

        assert ready() == [{1}, {1}, set(), set()]
        tools = Tools.load(settings)
        await _served(address, tools)
        assert ready() == [{1}, {1}, {2}, {2}]
        handler = FollowingHandler(tools, repository, address, PostHandler, lambda: tools.lexicon)
        result = await handler.handle([record(one, offset) for offset, one in enumerate(POSTS)])
        assert result.bad == []
        outcomes = [decode(one.value, Outcome) for one in result.outputs if one.topic is OUTCOMES]
        assert [(one.language, one.model_version) for one in outcomes] == [
            ("en", tools.model_version),
            ("ru", "2027.5.0+2027.5.0"),
        ]
        with connected(address) as server:
            server._client.unload_model(PAIR.models[0])
        await asyncio.to_thread(until, lambda: not ready()[2])
        with pytest.raises(DependencyAway):
            await handler.handle([record(POSTS[1], 2)])
        assert ready()[2] == {2}
        again = await handler.handle([record(POSTS[1], 2)])
        assert [one.value for one in again.outputs] == [one.value for one in result.outputs if one.key == POSTS[1].id]
        await handler._triton.close()


async def test_the_pair_that_is_put_together_answers_in_triton_as_in_this_process_in_all_four_languages(
    tmp_path: Path,
) -> None:
    english = PACKAGE_ROOT / "triton_models"
    before = {path.relative_to(english) for path in english.rglob("*")}
    repository = tmp_path / "models"
    with_other_languages(Context(tmp_path, load().cache_dir), english, repository)
    assert {path.relative_to(english) for path in english.rglob("*")} == before
    wanted = ",".join(("en", *SPOKEN))
    settings = load(model_repository=repository, data_dir=tmp_path / "data", languages=wanted, triton_url=None)
    rows = [json.loads(line) for line in SPOKEN_POSTS.read_text(encoding="utf-8").splitlines()]
    records = [record(post(row["text"], int(row["id"]), row["language"]), n) for n, row in enumerate(rows)]
    tools = Tools.load(settings)
    with ModelPool(repository, tools.numbers, 2) as pool:
        here = await PostHandler(tools, pool.infer).handle(records)
    with Stack(settings, servers=["triton"]) as stack:
        address = TritonAddress(stack.addresses["triton_url"])
        await _served(address, tools)
        handler = FollowingHandler(tools, repository, address, PostHandler, lambda: tools.lexicon)
        served = await handler.handle(records)
        await handler._triton.close()
    assert served.bad == here.bad == []
    assert [(one.topic, one.key, one.value) for one in served.outputs] == [
        (one.topic, one.key, one.value) for one in here.outputs
    ]
    planted = json.loads(SPOKEN_EXPECTED.read_bytes())["signal"]
    reported = [decode(one.value, Mention) for one in served.outputs if one.topic is MENTIONS]
    names = {f"test:{row['id']}": row["language"] for row in rows}
    found = {
        names[one.post_id]
        for one in reported
        if (one.drug.id, one.reaction.id) == (planted["drug"]["id"], planted["reaction"]["id"])
    }
    assert found == set(SPOKEN)
