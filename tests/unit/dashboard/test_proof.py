"""Verifying the trail: one at a time, without holding up who looks, and told whatever comes of it."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest

from services.cases.audit import Flaw
from services.dashboard.audit import proof
from services.dashboard.audit.proof import Verifier
from shared.errors import AdrwatchError

PATIENCE = 60.0


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proof, "_PATIENCE_SECONDS", 0.0)


@pytest.mark.usefixtures("impatient")
def test_who_looks_does_not_wait_and_one_is_verified_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    begun, go_on = threading.Semaphore(0), threading.Semaphore(0)

    def verify() -> tuple[int, list[Flaw]]:
        begun.release()
        assert go_on.acquire(timeout=PATIENCE)
        return 3, []

    verifier = Verifier(verify)
    assert verifier.look() == (None, True)
    assert begun.acquire(timeout=PATIENCE)
    verifier.begin()
    assert verifier.look() == (None, True)
    go_on.release()
    monkeypatch.setattr(proof, "_PATIENCE_SECONDS", PATIENCE)
    found, running = verifier.look()
    assert (found and found.rows, running) == (3, False)
    assert not begun.acquire(blocking=False)
    # What came of it is kept for an hour.
    assert verifier.look() == (found, False)
    monkeypatch.setattr(proof, "_FRESH", timedelta(seconds=-1))
    go_on.release()
    verifier.look()
    assert begun.acquire(timeout=PATIENCE)


@pytest.mark.parametrize(
    ("error", "said"),
    [(AdrwatchError("no anchor", fix="restore it"), "no anchor"), (ValueError("secret words"), "nobody foresaw")],
)
def test_what_keeps_it_from_being_verified_is_told(error: Exception, said: str) -> None:
    def verify() -> tuple[int, list[Flaw]]:
        raise error

    found, running = Verifier(verify).look()
    assert not running
    assert found
    assert found.trouble
    assert said in found.trouble.message
    assert "secret words" not in found.trouble.message


def test_of_very_many_flaws_some_are_kept() -> None:
    flaws = [Flaw("altered", number, "x") for number in range(1, 1001)]
    found, _ = Verifier(lambda: (1000, flaws)).look()
    assert found
    assert (len(found.flaws), found.many) == (20, 1000)
