"""Asks X which of the published posts are gone: batch compliance jobs, in a thread beside the stream.

Steps (docs.x.com, "Batch compliance"): create a job, put the ids to its `upload_url` within 15 minutes, look until it is
complete, get the lines of its `download_url`. One job at a time. Ids that are not in the result still stand.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import msgspec
import requests

from services.ingest.networks.seal import Seal
from services.ingest.networks.x.api import Api
from services.ingest.source import SourceBroken
from shared.events import Published
from shared.logs import logger

log = logger("sources")

_FIRST_LOOK_SECONDS = 0.5
_LONGEST_LOOK_SECONDS = 60.0
_LONGEST_JOB_SECONDS = 6 * 3600.0
_AGAIN_SECONDS = 900.0
_PATIENCE = (10.0, 120.0)


class Finding(msgspec.Struct, frozen=True):
    """One line of a result."""

    id: str
    action: str = ""
    reason: str = ""

    @property
    def gone(self) -> bool:
        """Whether the post is to be taken back; of places, which are not read, nothing is to be taken away."""
        return self.action == "delete" and self.reason != "scrub_geo"


class Compliance:
    """One source's questions, every `hours`. `published` gives what is to be asked for; it is called in the caller's thread."""

    def __init__(
        self, api: Api, hours: float, published: Callable[[], list[Published]], seal: Seal, source: str
    ) -> None:
        self._api = api
        self._seconds = hours * 3600.0
        self._published = published
        self._seal = seal
        self._source = source
        self._thread: threading.Thread | None = None
        self._findings: list[Finding] | None = None
        self._next = 0.0

    def look(self, asked: float) -> list[Finding] | None:
        """The findings of a question that is answered, else None; asks anew where `asked`, seconds since 1970, is long ago."""
        if self._thread is not None and not self._thread.is_alive():
            found, self._thread, self._findings = self._findings, None, None
            if found is not None:
                return found
        if self._seconds and self._thread is None and time.monotonic() >= self._next:
            self._next = time.monotonic() + min(_AGAIN_SECONDS, self._seconds / 4)
            if time.time() - asked >= self._seconds and (notes := self._published()):
                self._thread = threading.Thread(target=self._ask, args=[notes], name="x-compliance", daemon=True)
                self._thread.start()
        return None

    def check(self) -> str | None:
        """Why nothing can be asked, or None."""
        if not self._seconds:
            return "deletions are not asked for"
        try:
            self._api.compliance(lambda client: client.get_compliance_jobs("tweets"))
        except SourceBroken as trouble:
            return f"deletions cannot be asked for: {trouble.message}"
        return None

    def _ask(self, notes: list[Published]) -> None:
        opened = [self._seal.open(one.sealed or "") for one in notes]
        ids = [one for one in opened if one is not None]
        if len(ids) < len(notes):
            log.warning(
                "ids of an author secret that is not there: X cannot be asked for them",
                source=self._source,
                count=len(notes) - len(ids),
            )
        try:
            self._findings = self._answer(ids) if ids else []
        except (SourceBroken, requests.RequestException, msgspec.MsgspecError, KeyError, TypeError) as error:
            # Addresses of jobs are signed: they are no matter of logs.
            said = error.message if isinstance(error, SourceBroken) else type(error).__name__
            log.warning("X could not be asked which posts are gone, trying again", source=self._source, error=said)

    def _answer(self, ids: list[str]) -> list[Finding]:
        job = self._api.compliance(lambda client: client.create_compliance_job("tweets"))["data"]
        body = "\n".join(ids).encode()
        requests.put(
            job["upload_url"], body, headers={"Content-Type": "text/plain"}, timeout=_PATIENCE
        ).raise_for_status()
        self._wait_for(str(job["id"]))
        answer = requests.get(job["download_url"], timeout=_PATIENCE)
        answer.raise_for_status()
        return [msgspec.json.decode(line, type=Finding) for line in answer.content.splitlines() if line.strip()]

    def _wait_for(self, job: str) -> None:
        pause, until = _FIRST_LOOK_SECONDS, time.monotonic() + _LONGEST_JOB_SECONDS
        while time.monotonic() < until:
            status = self._status(job)
            if status == "complete":
                return
            if status not in ("created", "in_progress"):
                raise self._api.broken(f"ended a compliance job as {status}")
            time.sleep(pause)
            pause = min(_LONGEST_LOOK_SECONDS, pause * 2)
        raise self._api.broken("does not end a compliance job")

    def _status(self, job: str) -> Any:
        return self._api.compliance(lambda client: client.get_compliance_job(job))["data"]["status"]
