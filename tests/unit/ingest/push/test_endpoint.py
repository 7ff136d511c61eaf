"""The endpoint before a desk that answers as it is told: every refusal has its status and its sentence."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import socket
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator
from concurrent.futures import Future
from typing import Any

import httpx
import pytest

from services.ingest.push import app, patience, worker
from services.ingest.push.app import application
from services.ingest.push.configuration import Push
from services.ingest.push.request import CrowdedError, Kind, Receipt
from shared import settings
from shared.secret_place import SecretPlace
from shared.webhooks import signed

SECRETS = ("the first secret of a test", "the second secret of a test")
POST = {"id": "1", "text": "zoloft", "created_at": "2026-05-04T03:02:01Z"}
URL = "/v1/sources/vendor/posts"


class ToldDesk:
    """Counts what is handed in, and answers with what it was told."""

    name = "vendor"

    def __init__(self) -> None:
        self.source = Push(
            secrets=(SecretPlace(env="FIRST_SECRET"), SecretPlace(env="SECOND_SECRET")), max_records=3, max_kib=2
        )
        self.ready = threading.Event()
        self.answer: Receipt | Exception | None = Receipt()
        self.handed_in: list[tuple[Kind, list[bytes]]] = []

    def hand_in(self, kind: Kind, records: list[bytes]) -> Future[Receipt | None]:
        if isinstance(self.answer, CrowdedError):
            raise self.answer
        self.handed_in.append((kind, records))
        future: Future[Receipt | None] = Future()
        if isinstance(self.answer, Exception):
            future.set_exception(self.answer)
        else:
            future.set_result(self.answer)
        return future


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch) -> ToldDesk:
    for name, secret in zip(("FIRST_SECRET", "SECOND_SECRET"), SECRETS, strict=True):
        monkeypatch.setenv(name, secret)
    return ToldDesk()


@pytest.fixture
async def client(desk: ToldDesk) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(application({"vendor": desk}), raise_app_exceptions=False)  # type: ignore[dict-item]
    async with httpx.AsyncClient(transport=transport, base_url="http://endpoint") as made:
        yield made


async def push(
    client: httpx.AsyncClient, body: Any, *, url: str = URL, secret: str = SECRETS[0], identity: str = "one",
    moment: float | None = None, **headers: str,
) -> httpx.Response:  # fmt: skip
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    proof = signed(secret.encode(), identity, int(moment or time.time()), content)
    kind = {"Content-Type": "application/json"}
    return await client.post(url, content=content, headers=kind | proof | headers)


def refused(answer: httpx.Response, status: int) -> str:
    """The sentence of a refusal, which has the right form."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == status
    assert problem["detail"].endswith(".")
    return str(problem["detail"])


async def test_records_are_handed_in_and_the_receipt_is_the_answer(client: httpx.AsyncClient, desk: ToldDesk) -> None:
    desk.answer = Receipt("spool", Counter(post=1, reject=1), [(1, "no-id", "the id is missing")])
    answer = await push(client, [POST, {}])
    assert answer.status_code == 200
    assert answer.json() == {
        "kept": "spool", "counts": {"post": 1, "reject": 1},
        "rejected": [{"index": 1, "reason": "no-id", "detail": "the id is missing"}],
    }  # fmt: skip
    await push(
        client,
        b'{"id": "2"}\n\n{"id": "3"}\n',
        url="/v1/sources/vendor/deletions",
        **{"Content-Type": "application/jsonl"},
    )
    assert desk.handed_in == [
        ("posts", [json.dumps(POST).encode(), b"{}"]), ("deletions", [b'{"id": "2"}', b'{"id": "3"}']),
    ]  # fmt: skip


async def test_the_same_request_is_handed_in_once_and_another_body_is_another_request(
    client: httpx.AsyncClient, desk: ToldDesk
) -> None:
    desk.answer = None
    assert (await push(client, [POST])).status_code == 503
    desk.answer = Receipt(counts=Counter(post=1))
    first = await push(client, [POST])
    # Signed by the other secret, at another time: still the same request.
    again = await push(client, [POST], secret=SECRETS[1], moment=time.time() - 10)
    assert again.json() == first.json()
    assert len(desk.handed_in) == 2
    await push(client, [])
    await push(client, [POST], url="/v1/sources/vendor/deletions")
    assert len(desk.handed_in) == 4


async def test_what_is_not_taken_is_sent_away_for_a_while(client: httpx.AsyncClient, desk: ToldDesk) -> None:
    for told in (None, CrowdedError()):
        desk.answer = told
        answer = await push(client, [POST])
        assert "again later" in refused(answer, 503)
        assert int(answer.headers["retry-after"]) > 0
    desk.answer = RuntimeError("nobody foresaw it")
    assert "again later" in refused(await push(client, [POST]), 500)


async def test_a_request_without_proof_is_refused_before_its_body_is_parsed(
    client: httpx.AsyncClient, desk: ToldDesk
) -> None:
    answers = [
        await push(client, b"no json", secret="a secret of somebody else"),
        await push(client, b"no json", moment=time.time() - 1000),
        await client.post(URL, content=b"no json", headers={"Content-Type": "application/json"}),
    ]
    sentences = [refused(answer, 401) for answer in answers]
    assert "none of this body" in sentences[0]
    assert "300 s" in sentences[1]
    assert "are needed" in sentences[2]
    assert all("www-authenticate" in answer.headers for answer in answers)
    assert desk.handed_in == []


async def test_a_secret_is_revoked_by_taking_it_away(
    client: httpx.AsyncClient, desk: ToldDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("FIRST_SECRET")
    refused(await push(client, []), 401)
    assert (await push(client, [], secret=SECRETS[1])).status_code == 200
    monkeypatch.setenv("SECOND_SECRET", "too short")
    assert "no secret" in refused(await push(client, [], secret=SECRETS[1]), 403)


async def test_bodies_that_are_too_long_or_of_another_kind_are_refused(
    client: httpx.AsyncClient, desk: ToldDesk
) -> None:
    assert "2 KiB" in refused(await push(client, ["x" * 3000]), 413)

    async def endless() -> AsyncIterator[bytes]:
        for _ in range(3):
            yield b"x" * 1000

    headers = signed(SECRETS[0].encode(), "one", int(time.time()), b"x" * 3000)
    answer = await client.post(URL, content=endless(), headers=headers | {"Content-Type": "application/json"})
    assert "2 KiB" in refused(answer, 413)
    assert "4 records, 3 are allowed" in refused(await push(client, [{}] * 4), 413)
    assert "application/x-ndjson" in refused(await push(client, [], **{"Content-Type": "text/csv"}), 415)
    assert "compressed" in refused(await push(client, [], **{"Content-Encoding": "gzip"}), 415)
    assert "no JSON array" in refused(await push(client, {"id": "1"}), 400)
    assert desk.handed_in == []


async def test_a_request_of_which_nothing_can_be_taken_is_refused_as_a_whole(
    client: httpx.AsyncClient, desk: ToldDesk
) -> None:
    desk.answer = Receipt(counts=Counter(reject=1), rejected=[(0, "no-id", "the id is missing")])
    answer = await push(client, [{}])
    assert "None of the records" in refused(answer, 422)
    assert answer.json()["rejected"] == [{"index": 0, "reason": "no-id", "detail": "the id is missing"}]


async def test_other_addresses_and_methods_are_named(client: httpx.AsyncClient, desk: ToldDesk) -> None:
    assert "no source of this name" in refused(await push(client, [], url="/v1/sources/elsewhere/posts"), 404)
    assert "/v1/sources/NAME/posts" in refused(await client.get("/posts"), 404)
    answer = await client.get(URL)
    assert "POST" in refused(answer, 405)
    assert answer.headers["allow"] == "POST"
    assert (await client.get("/live")).status_code == 200
    refused(await client.get("/ready"), 503)
    desk.ready.set()
    assert (await client.get("/ready")).status_code == 200


async def test_bodies_that_wait_for_their_answers_take_no_more_than_there_is_room_for(
    desk: ToldDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app, "_MOST_BYTES", 0)
    answers = [Future[Receipt | None]() for _ in range(2)]
    waiting, both = list(answers), asyncio.Event()

    def hand_in(*_: object) -> Future[Receipt | None]:
        found = waiting.pop()
        if not waiting:
            both.set()
        return found

    monkeypatch.setattr(desk, "hand_in", hand_in)
    transport = httpx.ASGITransport(application({"vendor": desk}))  # type: ignore[dict-item]
    async with httpx.AsyncClient(transport=transport, base_url="http://endpoint") as client:
        body = [POST | {"text": "zoloft " * 200}]
        two = [asyncio.create_task(push(client, body, identity=str(number))) for number in range(2)]
        await both.wait()
        answer = await push(client, [POST, POST | {"text": "zoloft " * 200}], identity="another")
        assert "again later" in refused(answer, 503)
        assert int(answer.headers["retry-after"]) > 0
        for one in answers:
            one.set_result(Receipt())
        assert [(await one).status_code for one in two] == [200, 200]
        waiting.append(answers[0])
        assert (await push(client, body, identity="later")).status_code == 200


def test_a_connection_that_never_ends_its_headers_is_closed_and_one_that_asks_is_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(patience, "_HEAD_SECONDS", 0.5)
    stop = threading.Event()
    listening = socket.create_server(("127.0.0.1", 0))
    serving = threading.Thread(target=worker._serve, args=({}, listening, stop, settings.load()), daemon=True)
    serving.start()
    try:
        silent, halved = (socket.create_connection(listening.getsockname(), timeout=5) for _ in range(2))
        whole = http.client.HTTPConnection(*listening.getsockname(), timeout=5)
        kept = set()
        with silent, halved, contextlib.closing(whole):
            halved.sendall(b"POST /v1/sources/vendor/posts HTTP/1.1\r\nHost: endpoint\r\n")
            for ended in (False, False, True):
                if ended:
                    assert (silent.recv(1), halved.recv(1)) == (b"", b"")
                whole.request("GET", "/live")
                kept.add(whole.sock.getsockname())
                answer = whole.getresponse()
                assert (answer.status, answer.read()) == (200, b"it runs\n")
            assert len(kept) == 1, "it was the same connection all the while"
    finally:
        stop.set()
        serving.join(10)
