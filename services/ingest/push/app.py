"""The endpoint: reads a request, proves who sent it, hands its records in, and says what became of them.

`POST /v1/sources/NAME/posts` and `…/deletions`; `GET /live` and `GET /ready` for those who watch the worker.
"""

from __future__ import annotations

import asyncio
import functools
import hashlib
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from services.ingest.push.desk import Desk
from services.ingest.push.problems import Problem, of_failure, of_http
from services.ingest.push.records import BadBodyError, split
from services.ingest.push.request import CrowdedError, Kind, Receipt
from services.ingest.push.room import Room
from shared import metrics, webhooks
from shared.logs import logger

log = logger("push")

# The types that say that every record has a line; there is no registered one.
_LINES = ("application/x-ndjson", "application/jsonl", "application/x-jsonlines", "application/jsonlines")
_ARRAY = "application/json"
_KIB = 1024
_BODY_SECONDS = 30.0
# Of bodies, from their first byte to the answer; with their records it is some times as much. Two of the largest always fit.
_MOST_BYTES = 64 << 20
_CROWDED_SECONDS = 2
_AWAY_SECONDS = 10
# Of each source; a sender that missed an answer asks again within minutes.
_ANSWERS_REMEMBERED = 1_000
# RFC 9110 wants the way to authenticate named.
_CHALLENGE = {"WWW-Authenticate": "StandardWebhooks"}


class Entrance:
    """One source's desk as the endpoint sees it: its keys, and the last answers, which a repeated request gets again."""

    def __init__(self, desk: Desk, room: Room) -> None:
        self.desk = desk
        self._room = room
        self._answers: OrderedDict[bytes, asyncio.Future[Response]] = OrderedDict()

    async def take(self, request: Request, kind: Kind) -> Response:
        """Take a request in. Raises Problem."""
        with self._room.seat() as more:
            return await self._take(request, kind, more)

    async def _take(self, request: Request, kind: Kind, more: Callable[[int], None]) -> Response:
        source = self.desk.source
        keys, wrong = source.signing_keys(f"source {self.desk.name}")
        if not keys:
            log.error("none of the secrets is there", source=self.desk.name, error=str(wrong[0]))
            raise Problem(403, "This source takes nothing at present: it has no secret.")
        lines = _by_lines(request)
        try:
            claim = webhooks.claim(request.headers, time.time(), source.tolerance_seconds)
        except webhooks.UnsignedError as error:
            raise Problem(401, str(error), _CHALLENGE) from None
        body = await _body(request, source.max_kib, more)
        if not claim.fits(keys, body):
            raise Problem(401, "The signature is none of this body by a secret of this source.", _CHALLENGE)
        name = hashlib.sha256(b"\n".join([kind.encode(), claim.identity.encode(), body])).digest()
        if name not in self._answers:
            self._answers[name] = asyncio.ensure_future(self._settled(kind, body, lines))
            while len(self._answers) > _ANSWERS_REMEMBERED:
                self._answers.popitem(last=False)
        try:
            # One whose sender has hung up goes on: it may be asked for again.
            return await asyncio.shield(self._answers[name])
        except Problem:
            self._answers.pop(name, None)
            raise

    async def _settled(self, kind: Kind, body: bytes, lines: bool) -> Response:
        return _answer(await self._handed_in(kind, _records(body, lines, self.desk.source.max_records)))

    async def _handed_in(self, kind: Kind, records: list[bytes]) -> Receipt:
        try:
            receipt = await asyncio.wrap_future(self.desk.hand_in(kind, records))
        except CrowdedError:
            raise _crowded() from None
        if receipt is None:
            raise Problem(
                503,
                "Neither Kafka nor the spool has taken it. Send the same request again later.",
                {"Retry-After": str(_AWAY_SECONDS)},
            )
        return receipt


def application(desks: Mapping[str, Desk]) -> Starlette:
    """The endpoint of these sources."""
    room = Room(max(_MOST_BYTES, *(2 * desk.source.max_kib * _KIB for desk in desks.values()), 0))
    entrances = {name: Entrance(desk, room) for name, desk in desks.items()}
    return Starlette(
        routes=[
            Route("/v1/sources/{name}/posts", _endpoint(entrances, "posts"), methods=["POST"]),
            Route("/v1/sources/{name}/deletions", _endpoint(entrances, "deletions"), methods=["POST"]),
            Route("/live", _live),
            Route("/ready", functools.partial(_ready, desks=tuple(desks.values()))),
        ],
        exception_handlers={HTTPException: of_http, 500: of_failure},
    )


def _endpoint(entrances: Mapping[str, Entrance], kind: Kind) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        name = request.path_params["name"]
        entrance = entrances.get(name)
        try:
            if entrance is None:
                raise Problem(404, "There is no source of this name whose posts are pushed.")
            answer = await entrance.take(request, kind)
        except Problem as problem:
            if entrance is not None:
                log.warning("a request was not taken", source=name, status=problem.status, reason=problem.sentence)
            answer = problem.answer()
        except ClientDisconnect:
            # Nobody hears it.
            answer = Problem(400, "The body broke off.").answer()
        metrics.PUSH_REQUESTS.labels(name if entrance is not None else "-", str(answer.status_code)).inc()
        return answer

    return endpoint


def _by_lines(request: Request) -> bool:
    if request.headers.get("content-encoding", "identity") != "identity":
        raise Problem(415, "The body is compressed; send it as it is.")
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in (*_LINES, _ARRAY):
        raise Problem(415, f"The Content-Type is neither {_ARRAY}, for an array, nor {_LINES[0]}, for a record a line.")
    return kind != _ARRAY


def _crowded(**headers: str) -> Problem:
    headers |= {"Retry-After": str(_CROWDED_SECONDS)}
    return Problem(503, "Too many requests wait. Send the same one again later.", headers)


async def _body(request: Request, most_kib: int, more: Callable[[int], None]) -> bytes:
    size, parts = int(request.headers.get("content-length") or 0), list[bytes]()
    try:
        async with asyncio.timeout(_BODY_SECONDS):
            if size <= most_kib * _KIB:
                size = 0
                async for part in request.stream():
                    size += len(part)
                    if size > most_kib * _KIB:
                        break
                    more(len(part))
                    parts.append(part)
    except CrowdedError:
        # What is left of it is not read.
        raise _crowded(Connection="close") from None
    except TimeoutError:
        raise Problem(408, f"The body was not there after {_BODY_SECONDS:g} s.", {"Connection": "close"}) from None
    if size > most_kib * _KIB:
        # What is left of it is not read.
        raise Problem(
            413, f"The body is longer than {most_kib} KiB: send fewer records at once.", {"Connection": "close"}
        )
    return b"".join(parts)


def _records(body: bytes, lines: bool, most: int) -> list[bytes]:
    try:
        records = split(body, lines)
    except BadBodyError as error:
        raise Problem(400, str(error)) from None
    if len(records) > most:
        raise Problem(413, f"The body has {len(records)} records, {most} are allowed: send fewer at once.")
    return records


def _answer(receipt: Receipt) -> Response:
    rejected = [{"index": index, "reason": reason, "detail": detail} for index, reason, detail in receipt.rejected]
    if rejected and len(rejected) == receipt.counts.total():
        sentence = (
            "None of the records can be taken; each is named with its reason. Do not send them again as they are."
        )
        return Problem(422, sentence, rejected=rejected).answer()
    content = {"kept": receipt.kept, "counts": dict(receipt.counts), "rejected": rejected}
    return Response(msgspec.json.encode(content), media_type="application/json")


async def _live(_request: Request) -> Response:
    return Response("it runs\n", media_type="text/plain")


async def _ready(_request: Request, desks: tuple[Desk, ...]) -> Response:
    waiting = [desk.name for desk in desks if not desk.ready.is_set()]
    if waiting:
        return Problem(503, "Not every source takes posts yet.", {"Retry-After": str(_CROWDED_SECONDS)}).answer()
    return Response("it takes posts\n", media_type="text/plain")
