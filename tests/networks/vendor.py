"""A sender who pushes posts to adrwatch, and a pushed source as a process of its own that takes them."""

from __future__ import annotations

import itertools
import json
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx

from shared.text.identity import post_hash
from shared.webhooks import signed, signing_key
from tests.networks import source as sources
from tests.networks.source import SECRET, Source

SIGNING = "whsec_dGhpcnR5LXR3byBieXRlcyBmb3IgYSB0ZXN0IG9ubHk="
_PATIENCE_SECONDS = 30.0


class Vendor:
    """Signs and sends. `url` is where the endpoint is, `name` the source's, `secret` what it signs with."""

    def __init__(self, url: str, name: str, secret: str = SIGNING) -> None:
        self.url, self.name, self.secret = url, name, secret
        self.client = httpx.Client(timeout=_PATIENCE_SECONDS, trust_env=False)

    def close(self) -> None:
        """Hang up."""
        self.client.close()

    def ready(self) -> bool:
        """Whether the endpoint takes posts."""
        try:
            return self.client.get(f"{self.url}/ready").status_code == httpx.codes.OK
        except httpx.HTTPError:
            return False

    def headers(self, body: bytes, identity: str, moment: float | None = None) -> dict[str, str]:
        """What a request is signed with."""
        at = int(time.time() if moment is None else moment)
        kind = {"Content-Type": "application/x-ndjson"}
        return kind | signed(signing_key(self.secret, "the vendor"), identity, at, body)

    def push(
        self, records: Sequence[Any], kind: str = "posts", identity: str | None = None, moment: float | None = None
    ) -> httpx.Response:
        """Send records once."""
        body = written(records)
        headers = self.headers(body, identity or uuid.uuid4().hex, moment)
        return self.client.post(f"{self.url}/v1/sources/{self.name}/{kind}", content=body, headers=headers)

    def cut_off(self, records: Sequence[Any], identity: str, kind: str = "posts", share: float = 1.0) -> None:
        """Send this share of a request, and hang up before the answer."""
        body, place = written(records), urlsplit(self.url)
        lines = [
            f"POST /v1/sources/{self.name}/{kind} HTTP/1.1",
            f"Host: {place.netloc}",
            f"Content-Length: {len(body)}",
        ]
        lines += [f"{key}: {value}" for key, value in self.headers(body, identity).items()]
        whole = "\r\n".join([*lines, "", ""]).encode() + body
        with socket.create_connection((place.hostname or "", place.port or 80), _PATIENCE_SECONDS) as connection:
            connection.sendall(whole[: int(len(whole) * share)])

    def insist(
        self, records: Sequence[Any], kind: str = "posts", identity: str | None = None,
        stop: threading.Event | None = None,
    ) -> httpx.Response | None:  # fmt: skip
        """Send until it is taken, always the same request; None where `stop` was set before."""
        identity, stop = identity or uuid.uuid4().hex, stop or threading.Event()
        deadline = time.monotonic() + 4 * _PATIENCE_SECONDS
        while not stop.is_set():
            try:
                answer = self.push(records, kind, identity)
                if answer.status_code < httpx.codes.INTERNAL_SERVER_ERROR:
                    return answer
                trouble = str(answer.status_code)
            except httpx.HTTPError as error:
                trouble = type(error).__name__
            if time.monotonic() > deadline:
                raise TimeoutError(trouble)
            stop.wait(0.2)
        return None


class Shipping:
    """Sends what it is given by a thread, in its order, until it is taken. `breaks`: how often it hung up before the answer."""

    def __init__(self, vendor: Vendor) -> None:
        self._vendor = vendor
        self._waiting: deque[tuple[str, Any]] = deque()
        self._break = threading.Event()
        self.breaks = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="vendor", daemon=True)

    def __enter__(self) -> Shipping:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._stop.set()
        self._thread.join()

    def add(self, kind: str, record: Any) -> None:
        """Take one in to be sent."""
        self._waiting.append((kind, record))

    def break_off(self) -> None:
        """The next request loses its answer."""
        self._break.set()

    def _run(self) -> None:
        while not self._stop.wait(0.05):
            while self._waiting and not self._stop.is_set():
                kind = self._waiting[0][0]
                together = [one for _, one in itertools.takewhile(lambda one, k=kind: one[0] == k, list(self._waiting))]
                together, identity = together[:100], uuid.uuid4().hex
                if self._break.is_set():
                    self._break.clear()
                    self.breaks += 1
                    try:
                        self._vendor.cut_off(together, identity, kind)
                    except OSError:
                        continue
                if self._vendor.insist(together, kind, identity, self._stop) is not None:
                    for _ in together:
                        self._waiting.popleft()


class PushedSource(Source):
    """A source called vendor, its worker, and who pushes to it."""

    def __init__(self, kafka: str, prefix: str, folder: Path) -> None:
        self.secret = folder / "vendor.secret"
        self.rotate(SIGNING)
        keys = {"type": "push", "secrets": [{"file": str(self.secret)}], "identifiers": "hmac"}
        super().__init__(kafka, prefix, folder, "vendor", keys, lambda: 0)
        self.port = free_port()
        self.environment |= {"ADRWATCH_PUSH_PORT": str(self.port), "ADRWATCH_SPOOL_FREE_MIB": "1"}
        self.vendor = Vendor(f"http://127.0.0.1:{self.port}", self.name)

    def rotate(self, secret: str) -> None:
        """Another secret is in force."""
        draft = self.secret.with_suffix(".draft")
        draft.touch(mode=0o600)
        draft.write_text(secret)
        draft.replace(self.secret)

    def start(self) -> None:
        """Start the worker, and wait until it takes posts."""
        command = [sys.executable, "-m", "services.cli", "worker", "push"]
        with self.log.open("ab") as log:
            self.processes.append(subprocess.Popen(command, env=self.environment, stdout=log, stderr=log))
        self.wait_for(self.vendor.ready, "endpoint")


@contextmanager
def pushed_source(kafka: str, prefix: str, folder: Path) -> Iterator[PushedSource]:
    """A pushed source, its topics and its file; its processes are gone at the end."""
    made = PushedSource(kafka, prefix, folder)
    try:
        with sources.started(made):
            yield made
    finally:
        made.vendor.close()


def post(number: int, text: str = "", **more: Any) -> dict[str, Any]:
    """A post of this number; whoever looks for people finds one in id, author and text."""
    said = text or f"day {number} of zoloft and so dizzy, ask @plantedanna"
    return {
        "id": f"plantedanna/{number}", "text": said, "created_at": time.time() - 60, "author": "plantedanna", "language": "en",
        **more,
    }  # fmt: skip


def ours(number: int) -> str:
    """The id that the post of this number has at adrwatch."""
    return f"vendor:{post_hash(SECRET, 'vendor', f'plantedanna/{number}')}"


def written(records: Sequence[Any]) -> bytes:
    """Records as lines; what is bytes stands as it is."""
    return b"\n".join(one if isinstance(one, bytes) else json.dumps(one).encode() for one in records)


def free_port() -> int:
    """A port of the loopback that nobody has now."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])
