"""A worker goes over to another version between two batches, and only to one that it can use and its server serves."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from services.pipeline import follow
from services.pipeline.follow import FollowingHandler
from services.pipeline.process import Tools
from services.pipeline.steps.ask import Infer
from shared.errors import DependencyAway
from shared.events import Concept, OwnName
from shared.models.configuration import MODELS
from shared.models.metadata import METADATA
from shared.models.repository import Active, write_active
from shared.settings import load
from shared.stream import BatchResult, Record
from shared.triton_security import TritonAddress
from shared.vocabulary.own import over
from shared.vocabulary.own import version as version_of


@pytest.fixture(scope="module")
def loaded() -> Tools:
    return Tools.load(load())


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Versions 1 and 2, of which 1 is active; nothing here runs a graph."""
    for name in MODELS:
        for number, version in ((1, "2026.11.2"), (2, "2027.1.0")):
            folder = tmp_path / name / str(number)
            shipped = load().model_repository / name / "1"
            folder.mkdir(parents=True)
            shutil.copy(shipped / "tokenizer.json", folder)
            text = (shipped / METADATA).read_text()
            before = text.partition('"version": "')[2].partition('"')[0]
            (folder / METADATA).write_text(text.replace(f'"version": "{before}"', f'"version": "{version}"'))
    write_active(tmp_path, Active(1))
    return tmp_path


class Server:
    """Stands in for Triton: which versions it serves."""

    def __init__(self, *served: int) -> None:
        self.served = set(served)
        self.looks = 0

    async def check_models(self, server: TritonAddress, number: int, expected: object) -> None:
        self.looks += 1
        if number not in self.served:
            raise DependencyAway(f"no version {number}")


class Handler:
    """Names the version that a batch was decided by. `server` refuses those that it has no more."""

    def __init__(self, tools: Tools, server: Server) -> None:
        self._tools, self._server = tools, server

    async def handle(self, records: list[Record]) -> BatchResult:
        if self._tools.number not in self._server.served:
            raise DependencyAway("gone")
        return BatchResult(bad=[(record, self._tools.model_version) for record in records])

    def on_poison(self, record: Record, reason: object) -> BatchResult:
        return BatchResult()


def following(loaded: Tools, repository: Path, server: Server, monkeypatch: pytest.MonkeyPatch) -> FollowingHandler:
    monkeypatch.setattr(follow, "check_models", server.check_models)

    def make(tools: Tools, infer: Infer) -> Handler:
        return Handler(tools, server)

    return FollowingHandler(
        loaded.with_version(repository, 1), repository, TritonAddress("127.0.0.1:1"), make, lambda: loaded.lexicon
    )


async def versions(handler: FollowingHandler) -> set[str]:
    result = await handler.handle([Record("adr.posts", 0, offset, None, b"") for offset in range(3)])
    return {str(version) for _, version in result.bad}


async def test_a_batch_after_the_activation_is_decided_by_the_new_version_as_a_whole(
    loaded: Tools, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = Server(1, 2)
    handler = following(loaded, repository, server, monkeypatch)
    assert await versions(handler) == {"2026.11.2+2026.11.2"}
    write_active(repository, Active(2, (1,)))
    assert await versions(handler) == {"2027.1.0+2027.1.0"}
    write_active(repository, Active(1))
    assert await versions(handler) == {"2026.11.2+2026.11.2"}


async def test_nothing_is_asked_or_loaded_while_nothing_is_activated(
    loaded: Tools, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = Server(1)
    handler = following(loaded, repository, server, monkeypatch)
    await versions(handler)
    monkeypatch.setattr(follow, "read_active", None)
    await versions(handler)
    assert server.looks == 0


async def test_a_version_that_the_server_does_not_have_yet_is_waited_for_with_the_old_one(
    loaded: Tools, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = Server(1)
    handler = following(loaded, repository, server, monkeypatch)
    write_active(repository, Active(2, (1,)))
    assert await versions(handler) == {"2026.11.2+2026.11.2"}
    server.served.add(2)
    assert await versions(handler) == {"2027.1.0+2027.1.0"}


@pytest.mark.parametrize("file", [METADATA, "tokenizer.json"])
async def test_a_version_that_cannot_be_read_is_not_used_and_posts_go_on(
    loaded: Tools, repository: Path, monkeypatch: pytest.MonkeyPatch, file: str
) -> None:
    handler = following(loaded, repository, Server(1, 2), monkeypatch)
    (repository / MODELS[1] / "2" / file).write_bytes(b"{] \xff")
    write_active(repository, Active(2, (1,)))
    assert await versions(handler) == {"2026.11.2+2026.11.2"}


async def test_a_batch_whose_version_goes_away_under_it_is_repeated_by_the_one_that_is_active(
    loaded: Tools, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = Server(1)
    handler = following(loaded, repository, server, monkeypatch)
    write_active(repository, Active(2, (1,)))
    await versions(handler)

    async def other_version_comes(records: list[Record]) -> BatchResult:
        server.served = {2}
        raise DependencyAway("gone")

    monkeypatch.setattr(handler._handler, "handle", other_version_comes)
    assert await versions(handler) == {"2027.1.0+2027.1.0"}


async def test_a_batch_after_a_change_of_the_drug_list_is_decided_by_the_new_list_whatever_version_comes(
    loaded: Tools, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follow, "check_models", Server(1, 2).check_models)
    lists = [loaded.lexicon]
    handler = FollowingHandler(
        loaded.with_version(repository, 1), repository, TritonAddress("127.0.0.1:1"), lambda tools, _: Handler(tools, Server(1, 2)),
        lambda: lists[-1],
    )  # fmt: skip
    assert await versions(handler) == {"2026.11.2+2026.11.2"}
    own = {"novelza": OwnName(name="novelza", kind="brand", drug=Concept("own:novelmab", "novelmab"))}
    lists.append(over(loaded.lexicon, own))
    assert await versions(handler) == {f"2026.11.2+2026.11.2+drugs.{version_of(own)}"}
    write_active(repository, Active(2, (1,)))
    assert await versions(handler) == {f"2027.1.0+2027.1.0+drugs.{version_of(own)}"}
    lists.append(loaded.lexicon)
    assert await versions(handler) == {"2027.1.0+2027.1.0"}


async def test_a_server_that_is_away_is_for_the_caller_to_wait_for(
    loaded: Tools, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = Server()
    handler = following(loaded, repository, server, monkeypatch)
    with pytest.raises(DependencyAway, match="gone"):
        await versions(handler)
    server.served = {1}
    assert await versions(handler) == {"2026.11.2+2026.11.2"}
