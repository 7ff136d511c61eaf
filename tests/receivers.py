"""Receivers of notifications on this machine: an HTTP server and a mail server that answer as they are told."""

from __future__ import annotations

import json
import ssl
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult

# Instead of a status: the request is read and taken, and the connection ends without an answer.
CUT = 0


@dataclass(frozen=True)
class Request:
    headers: dict[str, str]
    body: bytes
    status: int

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def taken(self) -> bool:
        return self.status == CUT or 200 <= self.status < 300


class HttpReceiver:
    """Keeps what it is sent. Answers with what stands in `answers` first, then with `usual`; may be stopped and started."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.answers: deque[tuple[int, dict[str, str]]] = deque()
        self.usual: tuple[int, dict[str, str]] = (200, {})
        self._port = 0
        self._server: ThreadingHTTPServer | None = None
        self.start()

    def start(self) -> None:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status, headers = receiver.answers.popleft() if receiver.answers else receiver.usual
                receiver.requests.append(Request({k.lower(): v for k, v in self.headers.items()}, body, status))
                self.close_connection = True
                if status == CUT:
                    return
                self.send_response(status)
                for name, value in {"Content-Length": "0", "Connection": "close", **headers}.items():
                    self.send_header(name, value)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", self._port), Handler)
        self._port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}/hook"

    def taken(self) -> list[Any]:
        """The bodies that were accepted, in order."""
        return [request.json for request in self.requests if request.taken]

    def told(self) -> list[tuple[str, str]]:
        """(change, alert id) of every notice that was accepted."""
        return [(notice["change"], notice["alert_id"]) for body in self.taken() for notice in body["notices"]]


@contextmanager
def http_receiver() -> Iterator[HttpReceiver]:
    receiver = HttpReceiver()
    try:
        yield receiver
    finally:
        receiver.stop()


@dataclass
class Mailbox:
    """Keeps the mail it is sent. `refusals` answer recipients and `data_answers` whole messages, used up one by one."""

    mails: list[tuple[str, EmailMessage]] = field(default_factory=list)
    refusals: dict[str, deque[str]] = field(default_factory=dict)
    data_answers: deque[str] = field(default_factory=deque)
    port: int = 0

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:  # noqa: N802
        if self.refusals.get(address):
            return self.refusals[address].popleft()
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        if self.data_answers:
            return self.data_answers.popleft()
        message = message_from_bytes(envelope.content, policy=default)
        self.mails += [(address, message) for address in envelope.rcpt_tos]
        return "250 OK"


@contextmanager
def mail_server(tls: ssl.SSLContext | None = None, **options: Any) -> Iterator[Mailbox]:
    """A mail server on a free port, encrypted from the first byte with `tls`; `options` are those of aiosmtpd's SMTP."""
    mailbox = Mailbox()

    class Server(Controller):
        def factory(self) -> SMTP:
            return SMTP(mailbox, **options)

        def _trigger_server(self) -> None:
            # The port was given as 0, so that the real one is known only now.
            self.port = mailbox.port = self.server.sockets[0].getsockname()[1]
            super()._trigger_server()

    server = Server(mailbox, hostname="127.0.0.1", port=0, ssl_context=tls)
    server.start()
    try:
        yield mailbox
    finally:
        server.stop()


def only(username: str, password: str) -> Any:
    """An authenticator of aiosmtpd that lets one user in."""

    def check(server: Any, session: Any, envelope: Any, mechanism: str, login: Any) -> AuthResult:
        right = (login.login, login.password) == (username.encode(), password.encode())
        return AuthResult(success=right, handled=not right and False)

    return check
