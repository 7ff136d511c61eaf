"""People and tokens by command, and streams that end with a session."""

from __future__ import annotations

import asyncio
import json

import pytest
from typer.testing import CliRunner

from services.cli import build
from services.dashboard.access import sign_in as middleware
from services.dashboard.access.sessions import Sessions
from services.dashboard.access.sign_in import SignIn
from shared.errors import AdrwatchError
from tests.integration.access.conftest import PASSWORD


def run(*arguments: str, password: str | None = None):
    return CliRunner().invoke(build(), ["dashboard", *arguments], input=password, catch_exceptions=True)


def test_the_first_admin_is_made_by_command_and_a_token_of_theirs_works(place, app, browser):
    made = run("people", "add", "zoe", "--role", "admin", "--password-stdin", "--json", password=f"{PASSWORD}\n")
    assert json.loads(made.stdout)["roles"] == ["admin"]
    client = browser("zoe")
    assert json.loads(run("people", "sessions", "zoe", "--json").stdout)["expires"]
    token = json.loads(run("tokens", "make", "zoe", "--name", "report", "--right", "alerts:read", "--json").stdout)
    program = browser()
    program.headers = {"Authorization": f"Bearer {token['secret']}"}
    assert program.get("/api/v1/alerts").status_code == 200
    listed = run("tokens", "list", "--json").stdout
    assert token["id"] in listed
    assert token["secret"] not in listed
    run("tokens", "revoke", token["id"])
    assert program.get("/api/v1/alerts").status_code != 200
    run("people", "roles", "zoe", "--role", "viewer")
    assert client.get("/audit").status_code == 403
    assert run("people", "sessions", "zoe", "--end").stdout == "1 sessions ended\n"
    assert client.get("/alerts").status_code == 303
    assert json.loads(run("people", "deactivate", "zoe", "--json").stdout)["active"] is False
    assert "zoe" in run("people", "list").stdout


@pytest.mark.parametrize(
    ("name", "role", "password", "wrong"),
    [
        ("two words", "admin", PASSWORD, "no name"),
        ("zoe", "king", PASSWORD, "no such role"),
        ("zoe", "admin", "short", "5 characters"),
        ("zoe", "admin", "password1234", "tried first"),
        ("josephine.test", "admin", "josephine.test1", "little more than the name"),
    ],
)
def test_what_cannot_be_is_said_without_the_password(place, name, role, password, wrong):
    found = run("people", "add", name, "--role", role, "--password-stdin", password=f"{password}\n")
    assert isinstance(found.exception, AdrwatchError)
    assert wrong in found.exception.message
    assert password not in str(found.exception)
    assert found.exception.fix


async def test_a_stream_ends_at_its_next_event_when_the_session_has(app, browser, monkeypatch):
    monkeypatch.setattr(middleware, "_LOOK_AGAIN_SECONDS", 0.0)
    client = browser("ana")
    cookie = client.cookies["adrwatch"]
    sent: list[dict] = []

    async def stream(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/event-stream")]})
        await send({"type": "http.response.body", "body": b"first", "more_body": True})
        await asyncio.to_thread(Sessions(app.state.desk.database, app.state.desk.trail).end_all, "root", "ana")
        await send({"type": "http.response.body", "body": b"second", "more_body": True})

    async def receive():
        return {"type": "http.disconnect"}

    async def send(message):
        sent.append(message)

    scope = {
        "type": "http", "method": "GET", "path": "/alerts/stream", "query_string": b"", "app": app, "scheme": "http",
        "headers": [(b"host", b"127.0.0.1"), (b"cookie", f"adrwatch={cookie}".encode())], "server": ("127.0.0.1", 80),
    }  # fmt: skip
    await SignIn(stream)(scope, receive, send)
    assert [message.get("body") for message in sent[1:]] == [b"first", b""]
    assert sent[-1]["more_body"] is False
