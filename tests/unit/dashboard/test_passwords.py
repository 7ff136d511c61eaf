"""Few passwords are hashed at once, however many people sign in."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import argon2
import argon2.profiles
import pytest

from services.dashboard.access import passwords
from shared.errors import DependencyAway


class Slow:
    """Hashes nothing, slowly, and counts how many do so at once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._now = self.most = 0

    def hash(self, _: str) -> str:
        with self._lock:
            self._now += 1
            self.most = max(self.most, self._now)
        time.sleep(0.02)
        with self._lock:
            self._now -= 1
        return "hashed"

    def verify(self, hashed: str, _: str) -> bool:
        return bool(self.hash(hashed))


def test_a_password_is_kept_by_argon2id_with_what_rfc_9106_wants_of_little_memory() -> None:
    hashed = passwords.kept("correct horse battery staple")
    assert argon2.extract_parameters(hashed) == argon2.profiles.RFC_9106_LOW_MEMORY
    assert hashed.startswith("$argon2id$")
    assert passwords.fits(hashed, "correct horse battery staple")
    assert not passwords.fits(hashed, "correct horse battery stable")
    assert not passwords.outdated(hashed)
    assert passwords.outdated(argon2.PasswordHasher(time_cost=1).hash("correct horse battery staple"))


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Slow:
    made = Slow()
    monkeypatch.setattr(passwords, "_HASHER", made)
    return made


def test_no_more_than_two_are_hashed_or_checked_at_once(slow: Slow) -> None:
    with ThreadPoolExecutor(8) as crowd:
        checked = [crowd.submit(passwords.fits, "hashed", "a password") for _ in range(8)]
        made = [crowd.submit(passwords.kept, "a password") for _ in range(8)]
        assert all(one.result() for one in checked + made)
    assert slow.most == 2


def test_who_waits_too_long_is_told_to_try_again(slow: Slow, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "_WAIT_SECONDS", 0.01)
    turns = threading.BoundedSemaphore(1)
    monkeypatch.setattr(passwords, "_AT_ONCE", turns)
    with turns:
        for ask in (lambda: passwords.kept("a password"), lambda: passwords.fits("hashed", "a password")):
            with pytest.raises(DependencyAway, match="try again"):
                ask()
    assert passwords.fits("hashed", "a password")
