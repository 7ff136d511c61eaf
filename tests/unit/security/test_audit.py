"""The audit of packages: what counts, what may be accepted and for how long, and that nobody takes silence for a pass."""

from __future__ import annotations

import subprocess
import sys
from datetime import date

import httpx
import pytest

from deploy import audit
from shared.errors import AdrwatchError

TODAY = date(2026, 11, 28)
REPORT = {
    "dependencies": [
        {"name": "good", "version": "1.0", "vulns": []},
        {
            "name": "weak", "version": "2.0",
            "vulns": [
                {"id": "PYSEC-2026-7", "aliases": ["CVE-2026-70"], "fix_versions": ["2.1"]},
                {"id": "PYSEC-2026-8", "aliases": [], "fix_versions": []},
            ],
        },
        {"name": "own", "skip_reason": "not on PyPI"},
    ]
}  # fmt: skip
ACCEPTED = '[[accepted]]\nid = "CVE-2026-70"\nreason = "no such call"\nuntil = 2027-01-31\n'


def test_a_weakness_is_named_with_its_mend_unless_it_is_accepted_by_any_of_its_names() -> None:
    assert audit.weaknesses(REPORT, []) == [
        "weak 2.0: PYSEC-2026-7, mended in 2.1", "weak 2.0: PYSEC-2026-8, mended in no release",
    ]  # fmt: skip
    assert audit.weaknesses(REPORT, audit.exceptions(ACCEPTED, TODAY)) == [
        "weak 2.0: PYSEC-2026-8, mended in no release"
    ]


@pytest.mark.parametrize("text", [ACCEPTED.replace("no such call", " "), ACCEPTED.replace("2027-01-31", "2026-11-28")])
def test_an_exception_without_a_reason_or_past_its_day_fails(text: str) -> None:
    with pytest.raises(AdrwatchError, match="CVE-2026-70"):
        audit.exceptions(text, TODAY)


def test_the_exceptions_of_this_project_are_right() -> None:
    audit.exceptions(audit.EXCEPTIONS.read_text(), TODAY)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (httpx.Response(200, json={"vulnerabilities": [{"id": "PYSEC-2021-66"}]}), None),
        (httpx.Response(200, json={"info": {}}), "tells of no weaknesses"),
        (httpx.Response(403), "tells of no weaknesses"),
        (httpx.Response(200, text="<html>"), "cannot be asked"),
        (httpx.ConnectError("no way"), "cannot be asked"),
    ],
)
def test_where_nobody_tells_of_weaknesses_it_is_said_and_is_no_pass(
    answer: httpx.Response | Exception,
    said: str | None,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def get(*_: object, **__: object) -> httpx.Response:
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(httpx, "get", get)
    if said is None:
        assert audit.unasked() is None
        return
    with pytest.raises(SystemExit) as ended:
        audit.main()
    assert ended.value.code == audit.UNASKED
    assert said in capsys.readouterr().err


def test_a_weakness_that_is_found_fails(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(audit, "unasked", lambda: None)
    monkeypatch.setattr(sys, "argv", ["audit", "pip-audit"])
    text = '{"dependencies": [{"name": "weak", "version": "2", "vulns": [{"id": "P-1", "fix_versions": ["3"]}]}]}'
    monkeypatch.setattr(subprocess, "run", lambda command, **_: subprocess.CompletedProcess(command, 1, text, ""))
    with pytest.raises(SystemExit) as ended:
        audit.main()
    assert ended.value.code == audit.WEAK
    assert "weak 2: P-1, mended in 3" in capsys.readouterr().out
