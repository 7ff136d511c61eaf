"""Requests bring so much and no more, whoever sends them and whatever they say of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated
from urllib.parse import unquote

import pytest
from fastapi import FastAPI, Form
from fastapi.testclient import TestClient

from services.cases.said import MOST
from services.dashboard.access.bodies import MOST_BYTES, Bodies
from services.dashboard.access.sign_in import SignIn
from services.dashboard.app import application


@pytest.fixture
def client() -> TestClient:
    app = FastAPI()

    @app.post("/form")
    @app.post("/api/v1/form")
    def form(text: Annotated[str, Form()]) -> int:
        return len(text)

    app.add_middleware(Bodies)
    return TestClient(app)


FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def pieces(size: int) -> Iterator[bytes]:
    """A body that does not say how long it is."""
    yield b"text="
    for _ in range(size // 1000):
        yield b"a" * 1000


@pytest.mark.parametrize("path", ["/form", "/api/v1/form"])
def test_what_says_that_it_is_too_long_is_refused(client: TestClient, path: str) -> None:
    answer = client.post(path, content=b"text=" + b"a" * MOST_BYTES, headers=FORM)
    assert answer.status_code == 413
    assert "512 KiB at most: a comment has 4,000 characters at most" in answer.text
    assert "a narrative has 100,000 characters at most" in answer.text
    kind = "application/problem+json" if path.startswith("/api/") else "text/html"
    assert answer.headers["Content-Type"].startswith(kind)


def test_what_says_nothing_of_its_length_is_counted(client: TestClient) -> None:
    assert client.post("/form", content=pieces(MOST_BYTES + 1000), headers=FORM).status_code == 413


def test_a_script_of_a_page_is_told_in_words(client: TestClient) -> None:
    answer = client.post("/form", content=b"text=" + b"a" * MOST_BYTES, headers=FORM | {"HX-Request": "true"})
    assert (answer.status_code, answer.text) == (413, "")
    assert "a narrative has 100,000 characters" in unquote(answer.headers["X-Problem"])


def test_the_longest_forms_fit(client: TestClient) -> None:
    longest = "\U0001f48a" * MOST["narrative"]
    assert client.post("/form", files={"text": (None, longest)}).json() == len(longest)
    assert client.post("/form", data={"text": "\U0001f48a" * MOST["comment"]}).json() == MOST["comment"]
    assert client.post("/form", content=pieces(MOST_BYTES - 2000), headers=FORM).is_success


def test_it_stands_around_who_finds_out_who_asks() -> None:
    app = application(lambda: pytest.fail("nobody asks for the desk"))
    around: list[object] = [one.cls for one in app.user_middleware]
    assert around.index(Bodies) < around.index(SignIn)
