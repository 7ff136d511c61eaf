"""Who asks through a proxy is known by the own address, and nobody else says what theirs is."""

from __future__ import annotations

import pytest
from fastapi import Request
from starlette.responses import PlainTextResponse
from starlette.testclient import TestClient
from starlette.types import Receive, Scope, Send

from services.dashboard import worker
from services.dashboard.access.sign_in import address
from shared.settings import load


async def whose(scope: Scope, receive: Receive, send: Send) -> None:
    await PlainTextResponse(address(Request(scope)))(scope, receive, send)


@pytest.mark.parametrize(
    ("proxies", "asks", "seen"),
    [
        (None, "127.0.0.1", "203.0.113.9"),
        (None, "10.0.3.7", "10.0.3.7"),
        ("::1, 10.0.0.0/16", "10.0.3.7", "203.0.113.9"),
        ("::1, 10.0.0.0/16", "10.1.3.7", "10.1.3.7"),
        ("", "127.0.0.1", "127.0.0.1"),
    ],
)
def test_only_proxies_of_the_settings_say_for_whom_they_ask(
    monkeypatch: pytest.MonkeyPatch, proxies: str | None, asks: str, seen: str
) -> None:
    monkeypatch.setattr(worker, "application", lambda _: whose)
    settings = load() if proxies is None else load(dashboard_proxies=proxies)
    config = worker.config_of(settings)
    config.load()
    client = TestClient(config.loaded_app, client=(asks, 4000))
    assert client.get("/", headers={"X-Forwarded-For": "198.51.100.1, 203.0.113.9"}).text == seen
