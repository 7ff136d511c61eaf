"""Answers that say what is wrong: problem+json (RFC 9457), in sentences for the people of a sender."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

_SENTENCES = {
    404: "There is nothing at this address; posts go to /v1/sources/NAME/posts, deletions to /v1/sources/NAME/deletions.",
    405: "This address takes another method; posts and deletions are sent by POST.",
    500: "Something went wrong here. Send the same request again later.",
}


class Problem(Exception):
    """What a request is answered with when it is not taken. `more` goes beside the sentence."""

    def __init__(self, status: int, sentence: str, headers: Mapping[str, str] | None = None, **more: Any) -> None:
        super().__init__(sentence)
        self.status = status
        self.sentence = sentence
        self.headers = dict(headers or {})
        self.more = more

    def answer(self) -> Response:
        """The answer."""
        title = HTTPStatus(self.status).phrase
        body = {"type": "about:blank", "title": title, "status": self.status, "detail": self.sentence, **self.more}
        return Response(msgspec.json.encode(body), self.status, self.headers, "application/problem+json")


def of_http(_request: Request, error: Exception) -> Response:
    """The answer to a request that no route takes."""
    if not isinstance(error, HTTPException):
        raise error
    sentence = _SENTENCES.get(error.status_code, "The request was not taken.")
    return Problem(error.status_code, sentence, error.headers).answer()


def of_failure(_request: Request, _error: Exception) -> Response:
    """The answer where this process failed; the log has the reason."""
    return Problem(500, _SENTENCES[500]).answer()
