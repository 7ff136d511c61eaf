"""Whether a pushed source is ready: its secrets are there, and the worker takes what one of them signs."""

from __future__ import annotations

import time

import httpx

from services.ingest.push.configuration import Push
from shared.errors import AdrwatchError
from shared.settings import Settings
from shared.webhooks import signed

_PATIENCE_SECONDS = 10.0


def secrets(name: str, source: Push) -> str:
    """How many secrets there are. Raises AdrwatchError where one is missing."""
    keys, wrong = source.signing_keys(f"source {name}")
    if wrong:
        raise wrong[0]
    return f"{len(keys)} secret{'s' if len(keys) > 1 else ''} to sign with"


def endpoint(name: str, source: Push, settings: Settings) -> str:
    """Push nothing, signed with each secret. Raises AdrwatchError where one is missing, or nothing takes it."""
    found = secrets(name, source)
    url = f"{settings.push_url}/v1/sources/{name}/posts"
    for key in source.signing_keys(f"source {name}")[0]:
        headers = signed(key, f"check-{time.time_ns()}", int(time.time()), b"[]")
        try:
            answer = httpx.post(
                url, content=b"[]", headers={"Content-Type": "application/json", **headers}, timeout=_PATIENCE_SECONDS,
                trust_env=False,
            )  # fmt: skip
        except httpx.HTTPError as error:
            raise AdrwatchError(
                f"nothing answers at {url} ({type(error).__name__})", fix="start `adrwatch worker push`"
            ) from None
        if answer.status_code != httpx.codes.OK:
            raise AdrwatchError(
                f"{url} answers with HTTP {answer.status_code}", fix="restart `adrwatch worker push`, and see its log"
            )
    return f"{found}, {url} takes posts"
