"""The table of rights, and what is made of it."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from typer.testing import CliRunner

from services import rights_command
from services.cli import build
from services.groups import worker
from shared import rights
from shared.settings import PACKAGE_ROOT

PAGE = PACKAGE_ROOT / "docs" / "rights.md"


def printed(*words: str) -> str:
    done = CliRunner().invoke(build(), words, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def test_the_page_of_rights_is_in_step_with_the_code() -> None:
    assert PAGE.read_text() == rights_command.page(), "run: adrwatch rights table > docs/rights.md"


def test_every_worker_there_is_has_its_rights() -> None:
    build()
    assert {one.name for one in worker.registered_commands} == rights.WORKERS.keys()


def test_rights_at_kafka_follow_the_prefix_and_give_nothing_to_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ADRWATCH_TOPIC_PREFIX", "drugs")
    lines = [line for line in printed("rights", "kafka", "notify").splitlines() if "--add" in line]
    assert all("--allow-principal User:adrwatch-notify " in line and " adr." not in line for line in lines)
    assert any("--operation Read --topic drugs.alerts" in line for line in lines)
    assert any("--group drugs.notify. --resource-pattern-type prefixed" in line for line in lines)
    assert not any("drugs.posts" in line for line in lines)


def test_redis_gets_hashes_of_the_passwords_and_no_password(tmp_path: Path) -> None:
    for name in ("alerting", "dashboard"):
        (tmp_path / name).write_text(f"the password of {name}\n")
        (tmp_path / name).chmod(0o600)
    first, *users = printed("rights", "redis", "--passwords", str(tmp_path)).splitlines()
    assert first == "user default off"
    assert len(users) == 2
    assert all("the password" not in line and " -@all " in line for line in users)
    assert hashlib.sha256(b"the password of alerting").hexdigest() in users[0]
    assert "~adrwatch:*" in users[0]
    assert "%R~adrwatch:*" in users[1]
    assert "+set" not in users[1].split()


def test_a_worker_that_is_none_is_named() -> None:
    done = CliRunner().invoke(build(), ["rights", "kafka", "nobody"])
    assert "there is no worker nobody" in str(done.exception)
