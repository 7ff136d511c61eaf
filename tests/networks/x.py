"""An X on this machine, as docs.x.com describes its API v2, with the faults of a bad day.

Pages: "Filtered stream" (rules, dry runs, lines, keep-alives, connection limit), "Handling disconnections", "Recent search"
(paging, newest first, seven days), "Batch compliance" (create, put, look, get), "Response codes and errors". Rules are matched as
the documentation of their operators says, as far as adrwatch uses them: keywords and phrases by tokens, `lang:`, `-is:retweet`.
"""

from __future__ import annotations

import json
import random
import re
import select
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

Tweet = dict[str, Any]
Answer = tuple[int, Any, dict[str, str]]
EPOCH_MS = 1_288_834_974_657
TOKEN = "a-token-for-tests"
_WEEK = 7 * 86_400.0
_PROBLEMS = "https://api.twitter.com/2/problems/"
_TERM = re.compile(r'"((?:[^"\\]|\\.)*)"|(\S+)')


def post_id(at: float, number: int = 0) -> str:
    """The id of a post of a time, in seconds since 1970."""
    return str(((int(at * 1000) - EPOCH_MS) << 22) + number)


def tweet(at: float, text: str, number: int = 0, author: str = "770001", lang: str = "en", **more: Any) -> Tweet:
    """A post; `number` keeps posts of one millisecond apart."""
    made = post_id(at, number)
    created = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(at)) + f".{int(at * 1000) % 1000:03d}Z"
    return {"id": made, "text": text, "created_at": created, "author_id": author, "lang": lang,
            "edit_history_tweet_ids": [made]} | more  # fmt: skip


class FakeX:
    """What it holds, and how it misbehaves. All may be changed while it runs.

    `break_every`: a connection ends after so many lines, in turn cleanly, without a word, and with X's own notice. `twice`: every
    so many posts are sent two times. `garbage`: lines sent before the post of that number. `stall_after`: a connection sends so
    many lines, and then nothing, not even keep-alives. `refuse`: (status, headers) of the answers whose path contains the
    key. `token`: the credential that is taken. `skew`: how far its clock is ahead, in seconds. `page`: posts on one page of search.
    """

    def __init__(self) -> None:
        self.break_every: int | None = None
        self.twice: int | None = None
        self.stall_after: int | None = None
        self.garbage: dict[int, bytes] = {}
        self.refuse: dict[str, tuple[int, dict[str, str]]] = {}
        self.token = TOKEN
        self.skew = 0.0
        self.page = 100
        self.keep_alive_seconds = 0.5
        self.rules: dict[str, dict[str, str]] = {}
        self.most_rules, self.longest_rule, self.longest_query = 1000, 1024, 512
        self.changes: list[dict[str, Any]] = []
        self.queries: list[dict[str, str]] = []
        self.streams: list[dict[str, str]] = []
        self.uploads: list[list[str]] = []
        self.gone: dict[str, str] = {}
        self.open = 0
        self._tweets: list[Tweet] = []
        self._jobs: dict[str, dict[str, Any]] = {}
        self._next = 1
        self.more = threading.Condition()
        self.ending = False
        self.breaks = self.calls = self.cuts = 0
        self.chance = random.Random(7)
        self.url = ""

    def add(self, *tweets: Tweet) -> None:
        """Take in posts, in the order in which they are to be sent."""
        with self.more:
            self._tweets += tweets
            self.more.notify_all()

    def remove(self, one: str, reason: str = "deleted") -> None:
        """A post is gone: neither stream nor search has it any more, and compliance says why."""
        with self.more:
            self.gone[one] = reason

    def break_off(self) -> None:
        """End the connections that there are: in order, without a word, with X's notice, or in the middle of a line.

        At times the next answer is cut off as well.
        """
        with self.more:
            self.calls += 1
            self.cuts += self.chance.random() < 0.005
            self.more.notify_all()

    @property
    def connections(self) -> int:
        """How often the stream was connected to."""
        return len(self.streams)

    def matching(self, one: Tweet) -> list[dict[str, str]]:
        """The rules that a post matches."""
        return [rule for rule in self.rules.values() if matches(rule["value"], one)]

    def answer(self, method: str, path: str, query: dict[str, str], body: bytes) -> Answer:
        """Whatever is asked but the stream."""
        if path == "/2/tweets/search/stream/rules":
            return self._rules(query, json.loads(body)) if method == "POST" else self._listed()
        if path == "/2/tweets/search/recent":
            return self._search(query)
        if path.startswith("/2/compliance/jobs"):
            return self._compliance(method, path.removeprefix("/2/compliance/jobs").strip("/"), body)
        return 404, {"title": "Not Found"}, {}

    def _listed(self) -> Answer:
        data = list(self.rules.values())
        return 200, {"meta": {"sent": "now", "result_count": len(data)}} | ({"data": data} if data else {}), {}

    def _rules(self, query: dict[str, str], asked: dict[str, Any]) -> Answer:
        dry = query.get("dry_run") == "true"
        if not dry:
            self.changes.append(asked)
        if "delete" in asked:
            gone = [one for one in asked["delete"]["ids"] if self.rules.pop(one, None)]
            return 200, {"meta": {"summary": {"deleted": len(gone), "not_deleted": 0}}}, {}
        errors, made = [], []
        values = {rule["value"]: rule["id"] for rule in self.rules.values()}
        for rule in asked["add"]:
            if len(rule["value"]) > self.longest_rule or "bogus:" in rule["value"]:
                details = [f"Rules must be no longer than {self.longest_rule}, and of known operators"]
                errors.append(_invalid(rule, "Invalid Rule", "invalid-rules", details=details))
            elif rule["value"] in values:
                errors.append(_invalid(rule, "DuplicateRule", "duplicate-rules", id=values[rule["value"]]))
            else:
                made.append(rule)
        if len(self.rules) + len(made) > self.most_rules:
            detail = f"more than {self.most_rules} rules"
            return 422, {"title": "RulesCapExceeded", "detail": detail, "type": _PROBLEMS + "rule-cap"}, {}
        if any(one["title"] == "Invalid Rule" for one in errors):
            return 400, {"title": "Invalid Request", "errors": errors, "detail": "One or more rules are invalid"}, {}
        data = []
        for rule in made:
            self._next += 1
            data.append({"id": str(self._next)} | rule)
        if not dry:
            self.rules |= {one["id"]: one for one in data}
        summary = {"created": len(made), "not_created": len(errors), "valid": len(made), "invalid": 0}
        return 201, {"data": data, "meta": {"summary": summary}} | ({"errors": errors} if errors else {}), {}

    def _search(self, query: dict[str, str]) -> Answer:
        since, now = int(query["since_id"]), time.time() + self.skew
        if len(query["query"]) > self.longest_query:
            return 400, {"title": "Invalid Request", "detail": "the query is too long"}, {}
        if since < int(post_id(now - _WEEK)):
            return 400, {"title": "Invalid Request", "detail": "'since_id' is older than 7 days"}, {}
        self.queries.append(query)
        with self.more:
            found = [one for one in self._tweets if int(one["id"]) > since and one["id"] not in self.gone]
        found = sorted((one for one in found if matches(query["query"], one)), key=lambda one: -int(one["id"]))
        # A page begins behind the post that ended the one before, whatever came or went meanwhile.
        if token := query.get("next_token"):
            found = [one for one in found if int(one["id"]) < int(token)]
        page = found[: min(self.page, int(query["max_results"]))]
        meta: dict[str, Any] = {"result_count": len(page)}
        if len(page) < len(found):
            meta["next_token"] = page[-1]["id"]
        fields = query.get("tweet.fields", "").split(",")
        return 200, {"meta": meta} | ({"data": [shown(one, fields) for one in page]} if page else {}), {}

    def _compliance(self, method: str, job: str, body: bytes) -> Answer:
        if method == "POST":
            if any(one["status"] != "complete" for one in self._jobs.values()):
                return 409, {"title": "ConcurrentJobs", "detail": "one job at a time"}, {}
            self._next += 1
            made = str(self._next)
            self._jobs[made] = {"id": made, "type": json.loads(body)["type"], "status": "created",
                "upload_url": f"{self.url}/upload/{made}", "download_url": f"{self.url}/download/{made}"}  # fmt: skip
            return 200, {"data": self._jobs[made]}, {}
        if not job:
            return 200, {"data": list(self._jobs.values()), "meta": {}}, {}
        return 200, {"data": self._jobs[job]}, {}

    def upload(self, job: str, body: bytes) -> None:
        """The ids of a job."""
        self.uploads.append(body.decode().split("\n"))
        self._jobs[job]["status"] = "complete"

    def download(self) -> bytes:
        """The result of the last job: a line for each id that is gone."""
        lines = [
            {"id": one, "action": "delete", "reason": self.gone[one], "created_at": "2026-01-01T00:00:00.000Z",
             "redacted_at": "2026-01-02T00:00:00.000Z"}
            for one in self.uploads[-1] if one in self.gone
        ]  # fmt: skip
        return "".join(json.dumps(line) + "\n" for line in lines).encode()

    def connect(self, query: dict[str, str]) -> Iterator[bytes | None]:
        """What one connection gets, from now on; None where it is to be cut off."""
        back = 60.0 * int(query.get("backfill_minutes", "0"))
        first = int(post_id(time.time() + self.skew - back))
        with self.more:
            self.streams.append(query)
            old = [one for one in self._tweets if back and int(one["id"]) >= first]
            return self._lines(query, len(self.streams), len(self._tweets), old, self.calls)

    def _lines(
        self, query: dict[str, str], number: int, place: int, waiting: list[Tweet], calls: int
    ) -> Iterator[bytes | None]:
        fields = query.get("tweet.fields", "").split(",")
        sent, spoken = 0, time.monotonic()
        # What was there before a break is sent before it.
        while not self.ending and (waiting or place < len(self._tweets) or calls == self.calls):
            for one in waiting:
                rules = self.matching(one)
                if not rules or one["id"] in self.gone:
                    continue
                matching = [{"id": rule["id"], "tag": rule.get("tag", "")} for rule in rules]
                line = json.dumps({"data": shown(one, fields), "matching_rules": matching})
                copies = 2 if self.twice and sent % self.twice == 0 else 1
                for each in [*([self.garbage.pop(sent)] if sent in self.garbage else ()), *[line.encode()] * copies]:
                    yield each + b"\r\n"
                    sent, spoken = sent + 1, time.monotonic()
                if self.break_every and sent >= self.break_every:
                    if number % 3 == 1:
                        yield None
                    if number % 3 == 2:
                        yield _DISCONNECT
                    return
            if not waiting and time.monotonic() - spoken > self.keep_alive_seconds:
                spoken = time.monotonic()
                if self.stall_after is None or sent < self.stall_after:
                    yield b"\r\n"
            with self.more:
                self.more.wait_for(
                    lambda have=place: len(self._tweets) > have or self.ending or calls != self.calls, timeout=0.1
                )
                stalled = self.stall_after is not None and sent >= self.stall_after
                waiting = [] if stalled else self._tweets[place:]
                place += len(waiting)
            if not waiting:
                yield b""
        if not self.ending:
            self.breaks += 1
            yield self.chance.choice([b"", None, _DISCONNECT, _HALF_A_LINE])


# Sent as the beginning of a chunk whose end never comes.
_HALF_A_LINE = b'{"data":{"id":"15'


def _invalid(rule: dict[str, str], title: str, problem: str, **more: Any) -> dict[str, Any]:
    return {"value": rule["value"], "title": title, "type": _PROBLEMS + problem} | more


_DISCONNECT = json.dumps({"errors": [{
    "title": "operational-disconnect", "disconnect_type": "UpstreamOperationalDisconnect",
    "detail": "This stream has been disconnected upstream for operational reasons.",
    "type": _PROBLEMS + "operational-disconnect"}]}).encode() + b"\r\n"  # fmt: skip


def shown(one: Tweet, fields: list[str]) -> Tweet:
    """A post with what is always given, and what was asked for."""
    return {key: value for key, value in one.items() if key in {"id", "text", "edit_history_tweet_ids", *fields}}


def tokens(text: str) -> list[str]:
    """A text as keywords are matched against it: punctuation parts it, case is nothing."""
    return re.findall(r"[^\W_]+", text.lower())


def matches(rule: str, one: Tweet) -> bool:
    """Whether a rule `(a OR "b c") (lang:en OR lang:de) -is:retweet` matches a post."""
    names, _, rest = rule.removeprefix("(").partition(")")
    words = tokens(one["text"])

    def has(term: str) -> bool:
        wanted = tokens(term)
        return bool(wanted) and any(words[at : at + len(wanted)] == wanted for at in range(len(words)))

    found = any(has(phrase or word) for phrase, word in _TERM.findall(names) if word != "OR")
    languages = re.findall(r"lang:(\w+)", rest)
    if languages and one["lang"] not in languages:
        return False
    return found and not ("-is:retweet" in rest and one["text"].startswith("RT @"))


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    x: FakeX

    def log_message(self, *_: Any) -> None:
        """Nothing: tests read other output."""

    def date_time_string(self, timestamp: float | None = None) -> str:
        return formatdate(time.time() + self.x.skew, usegmt=True)

    def _any(self) -> None:
        address = urlsplit(self.path)
        query = {key: values[-1] for key, values in parse_qs(address.query).items()}
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        kind, _, job = address.path.strip("/").partition("/")
        if kind in ("upload", "download"):
            assert "Authorization" not in self.headers, "a signed address needs no credential, and must not get it"
            if kind == "upload":
                self.x.upload(job, body)
            return self._send(200, b"" if kind == "upload" else self.x.download(), {})
        for part, (status, headers) in self.x.refuse.items():
            if part in address.path:
                return self._json(status, {"title": "Not now", "detail": "Try later", "status": status}, headers)
        if self.headers.get("Authorization") != f"Bearer {self.x.token}":
            return self._json(401, {"title": "Unauthorized", "detail": "Unauthorized", "status": 401}, {})
        if address.path == "/2/tweets/search/stream":
            return self._stream(query)
        return self._json(*self.x.answer(self.command, address.path, query, body))

    do_GET = do_POST = do_PUT = _any  # noqa: N815 - names that the library looks for

    def _json(self, status: int, answer: Any, headers: dict[str, str]) -> None:
        self._send(status, json.dumps(answer).encode(), headers)

    def _send(self, status: int, data: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        with self.x.more:
            if self.x.cuts and data:
                self.x.cuts, self.close_connection = self.x.cuts - 1, True
                data = data[: self.x.chance.randrange(len(data))]
                self.x.breaks += 1
        self.wfile.write(data)

    def _stream(self, query: dict[str, str]) -> None:
        with self.x.more:
            # A connection that was left is noticed a moment later.
            self.x.more.wait_for(lambda: self.x.open == 0, timeout=0.5)
            crowded = self.x.open > 0
            self.x.open += not crowded
        if crowded:
            return self._json(429, {
                "title": "ConnectionException", "connection_issue": "TooManyConnections",
                "detail": "This stream is currently at the maximum allowed connection limit.",
                "type": _PROBLEMS + "streaming-connection"}, {"Retry-After": "1"})  # fmt: skip
        self.close_connection = True
        try:
            lines = self.x.connect(query)
            self.send_response(200)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for line in lines:
                if line is None:
                    return self.connection.shutdown(socket.SHUT_RDWR)
                if line is _HALF_A_LINE:
                    self.wfile.write(b"%x\r\n%s" % (2 * len(line), line))
                    return self.connection.shutdown(socket.SHUT_RDWR)
                if line:
                    self.wfile.write(b"%x\r\n%s\r\n" % (len(line), line))
                elif select.select([self.connection], [], [], 0)[0]:
                    # Whoever listens says nothing: it has left.
                    return None
            self.wfile.write(b"0\r\n\r\n")
        except OSError:
            return None
        finally:
            with self.x.more:
                self.x.open -= 1
                self.x.more.notify_all()


@contextmanager
def fake_x() -> Iterator[FakeX]:
    """A server on a free port of the loopback."""
    made = FakeX()
    handler = type("Handler", (_Handler,), {"x": made})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        made.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, args=[0.05], daemon=True)
        thread.start()
        yield made
        made.ending = True
        server.shutdown()
        thread.join()
