"""What a log line may say."""

from __future__ import annotations

import io
import json
import logging
import sys

import pytest

from shared import logs


@pytest.mark.parametrize("field", sorted(logs.FORBIDDEN))
def test_a_field_that_may_hold_what_people_wrote_is_withheld(field: str, capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("test")
    logs.logger("here").info("something", **{field: "day three, no sleep"})
    line = capsys.readouterr().err
    assert json.loads(line)[field] == "withheld"
    assert "sleep" not in line


@pytest.mark.parametrize(
    "library",
    [
        "kafka.producer",
        "aiokafka.consumer",
        "faust.transport",
        "websockets.client",
        "tweepy.client",
        "urllib3.connectionpool",
    ],
)
def test_libraries_log_no_messages_at_any_level(library: str, capsys: pytest.CaptureFixture[str]) -> None:
    # What an earlier level has switched off is on again.
    logs.configure("test", "INFO")
    logs.configure("test", "DEBUG")
    logging.getLogger(library).debug("send: v=%r", b"day three, no sleep")
    logging.getLogger("services.somewhere").debug("seen")
    captured = capsys.readouterr().err
    assert "seen" in captured
    assert "sleep" not in captured


def test_lines_go_where_standard_error_goes_now(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with io.StringIO() as another:
        monkeypatch.setattr(sys, "stderr", another)
        logs.configure("test")
        monkeypatch.undo()
    logs.logger("here").info("something")
    assert json.loads(capsys.readouterr().err)["event"] == "something"
