"""A web site on this machine, of pages that misbehave: what the fakes of networks that are asked have in common."""

from __future__ import annotations

import threading
import time
from collections import defaultdict, deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit


@dataclass
class Answer:
    """What is sent. `cut`: only so many bytes of the body, then the connection ends. `drip`: a byte at a time, for ever.

    `silent`: the connection ends without a word.
    """

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    cut: int | None = None
    drip: bool = False
    silent: bool = False


@dataclass(frozen=True)
class Asked:
    """A request. `form` is what was sent with a POST."""

    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    form: dict[str, list[str]] = field(default_factory=dict)


class Site:
    """Answers by `page`. `next_answers[path]` go before what the page says, one by one; `broken_every`: every so many requests
    are answered with 503.
    """

    def __init__(self) -> None:
        self.next_answers: defaultdict[str, deque[Answer]] = defaultdict(deque)
        self.broken_every: int | None = None
        self.asked: list[Asked] = []
        self.url = ""
        self.closing = threading.Event()
        self.lock = threading.Lock()

    def page(self, asked: Asked) -> Answer:
        """What stands at a path."""
        raise NotImplementedError

    def requests(self, path: str) -> list[Asked]:
        return [one for one in self.asked if one.path == path]

    def fault(self) -> Answer:
        """What is answered every `broken_every` requests."""
        return Answer(503)

    def answer(self, asked: Asked) -> Answer:
        with self.lock:
            self.asked.append(asked)
            if self.next_answers[asked.path]:
                return self.next_answers[asked.path].popleft()
            if self.broken_every and len(self.asked) % self.broken_every == 0:
                return self.fault()
            return self.page(asked)

    def clock(self) -> float:
        """The time that it tells, in seconds since 1970."""
        return time.time()


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
        self.close_connection = True
        if found.silent:
            return
        self.send_response(found.status)
        for name, value in found.headers.items():
            self.send_header(name, value)
        if not found.drip:
            self.send_header("Content-Length", str(len(found.body)))
        self.end_headers()
        try:
            while found.drip and not self.site.closing.wait(0.02):
                self.wfile.write(b" ")
                self.wfile.flush()
            self.wfile.write(found.body[: found.cut])
        except OSError:
            return

    def date_time_string(self, timestamp: float | None = None) -> str:
        return formatdate(self.site.clock(), usegmt=True)

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
