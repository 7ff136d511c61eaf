"""A web site on this machine, of pages that misbehave: what the fake feeds and forums have in common."""

from __future__ import annotations

import abc
import random
import socket
import threading
import time
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit


@dataclass
class Answer:
    """What is sent. `cut`: only so many bytes of the body, then the connection ends. `drip`: a byte at a time, for ever.
    `chunked`: the body in chunks, of which a cut one is the last. `silent`: the connection ends without a word.
    """

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    cut: int | None = None
    drip: bool = False
    chunked: bool = False
    silent: bool = False


@dataclass(frozen=True)
class Asked:
    """A request. `form` is what was sent with a POST."""

    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    form: dict[str, list[str]] = field(default_factory=dict)


class Site(abc.ABC):
    """Answers by `page`. `next_answers[path]` go before what the page says, one by one; `broken_every`: every so many requests
    are answered with a fault; `skew`: how far its clock is ahead, in seconds; `whole[path]`: how often it answered as it should;
    `breaks`: how often it broke off.
    """

    def __init__(self) -> None:
        self.next_answers: defaultdict[str, deque[Answer]] = defaultdict(deque)
        self.broken_every: int | None = None
        self.skew = 0.0
        self.whole: Counter[str] = Counter()
        self.chance = random.Random(7)
        self.breaks = 0
        self._to_break: deque[Callable[[Answer, int], Answer]] = deque()
        self.asked: list[Asked] = []
        self.url = ""
        self.closing = threading.Event()
        self.lock = threading.Lock()

    @abc.abstractmethod
    def page(self, asked: Asked) -> Answer:
        """What stands at a path."""

    def fault(self) -> Answer:
        """What is answered every `broken_every` requests."""
        return Answer(503)

    def break_off(self) -> None:
        """The next answer breaks off, in one of many ways; at times only half a page stands where the one after it is asked for."""
        with self.lock:
            self._to_break.append(self.chance.choice([_refused, _silent, _cut, _cut_in_a_chunk]))
            if self.chance.random() < 0.25:
                self._to_break.append(_halved)

    def now(self) -> float:
        """Its clock, in seconds since 1970."""
        return time.time() + self.skew

    def requests(self, path: str) -> list[Asked]:
        return [one for one in self.asked if one.path == path]

    def answer(self, asked: Asked) -> Answer:
        with self.lock:
            self.asked.append(asked)
            if self.next_answers[asked.path]:
                return self.next_answers[asked.path].popleft()
            if self.broken_every and len(self.asked) % self.broken_every == 0:
                return self.fault()
            found = self.page(asked)
            if self._to_break:
                broken = self._to_break.popleft()
                self.breaks += broken is not _halved
                return broken(found, self.chance.randrange(len(found.body) or 1))
            self.whole[asked.path] += 1
            return found


def _refused(found: Answer, cut: int) -> Answer:
    return Answer(503)


def _silent(found: Answer, cut: int) -> Answer:
    return Answer(silent=True)


def _cut(found: Answer, cut: int) -> Answer:
    return replace(found, cut=cut)


def _cut_in_a_chunk(found: Answer, cut: int) -> Answer:
    return replace(found, cut=cut, chunked=True)


def _halved(found: Answer, cut: int) -> Answer:
    return replace(found, body=found.body[:cut])


class _Handler(BaseHTTPRequestHandler):
    site: Site

    def do_GET(self) -> None:
        self._answer({})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        self._answer(parse_qs(body.decode()))

    def _answer(self, form: dict[str, list[str]]) -> None:
        parts = urlsplit(self.path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        found = self.site.answer(Asked(parts.path, parse_qs(parts.query), headers, form))
        if found.silent:
            return self.connection.shutdown(socket.SHUT_RDWR)
        self.send_response(found.status)
        for name, value in found.headers.items():
            self.send_header(name, value)
        if found.chunked:
            self.send_header("Transfer-Encoding", "chunked")
        elif not found.drip:
            self.send_header("Content-Length", str(len(found.body)))
        self.end_headers()
        try:
            while found.drip and not self.site.closing.wait(0.02):
                self.wfile.write(b" ")
                self.wfile.flush()
            if found.chunked:
                self.wfile.write(b"%x\r\n" % len(found.body))
            self.wfile.write(found.body[: found.cut])
        except OSError:
            return None
        self.close_connection = True
        return None

    def date_time_string(self, timestamp: float | None = None) -> str:
        return formatdate(self.site.now(), usegmt=True)

    def log_message(self, format: str, *args: Any) -> None:
        return


@contextmanager
def served(site: Site) -> Iterator[None]:
    """The site on a free port of the loopback."""
    handler = type("Handler", (_Handler,), {"site": site})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        site.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, args=[0.05], daemon=True)
        thread.start()
        yield
        site.closing.set()
        server.shutdown()
        thread.join()
