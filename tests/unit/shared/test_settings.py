"""Settings: wrong values are named, a running instance is found."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from shared import settings
from shared.errors import AdrwatchError


@pytest.fixture(autouse=True)
def elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("KAFKA_BOOTSTRAP", "REDIS_URL", "TRITON_URL", "DATA_DIR"):
        monkeypatch.delenv(f"ADRWATCH_{name}", raising=False)
    return tmp_path


def test_a_wrong_variable_is_named_with_what_was_expected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ADRWATCH_KAFKA_BOOTSTRAP", "no-port")
    with pytest.raises(AdrwatchError) as caught:
        settings.load()
    assert "ADRWATCH_KAFKA_BOOTSTRAP" in caught.value.message
    assert "host:port" in caught.value.fix


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("KAFKA_BOOTSTRAP", "localhost:99999"),
        ("KAFKA_BOOTSTRAP", "http://localhost:9092"),
        ("KAFKA_BOOTSTRAP", "one:9092,two:0"),
        ("REDIS_URL", "redis://localhost:99999/0"),
        ("REDIS_URL", "redis://localhost:6379/first"),
        ("TRITON_URL", "localhost:70000"),
        ("FUTURE_LIMIT", "inf"),
        ("DASHBOARD_PROXIES", "10.0.0.1/8"),
        ("DASHBOARD_PROXIES", "::1,proxy.example.org"),
        ("MAX_POST_CHARS", "99999999999"),
    ],
)
def test_a_value_that_could_only_fail_later_is_refused_at_start(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(f"ADRWATCH_{name}", value)
    with pytest.raises(AdrwatchError, match=f"ADRWATCH_{name}") as caught:
        settings.load()
    assert value in caught.value.message


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("KAFKA_BOOTSTRAP", "one:9092,[::1]:65535"),
        ("REDIS_URL", "rediss://user:70000@host:6379/3?health_check_interval=5"),
        ("REDIS_URL", "redis://host"),
        ("REDIS_URL", "unix:///run/redis.sock?db=1"),
        ("TRITON_URL", "triton:8001"),
    ],
)
def test_an_address_in_any_usual_form_is_taken(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(f"ADRWATCH_{name}", value)
    assert getattr(settings.load(), name.lower()) == value


def test_a_secret_that_is_too_short_is_not_repeated_in_the_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ADRWATCH_AUTHOR_SECRET", "hush-hush")
    with pytest.raises(AdrwatchError, match="ADRWATCH_AUTHOR_SECRET") as caught:
        settings.load()
    assert "hush-hush" not in str(caught.value)


def test_an_unknown_key_of_the_file_is_named(elsewhere: Path) -> None:
    (elsewhere / "adrwatch.toml").write_text("batch_sise = 3\n")
    with pytest.raises(AdrwatchError, match="BATCH_SISE"):
        settings.load()


def test_a_broken_file_is_an_error_and_no_traceback(elsewhere: Path) -> None:
    (elsewhere / "adrwatch.toml").write_text("batch_size = = 3\n")
    with pytest.raises(AdrwatchError, match=r"adrwatch\.toml"):
        settings.load()


def test_the_environment_goes_before_the_file(elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (elsewhere / "adrwatch.toml").write_text("batch_size = 3\nbatch_wait = 0.5\n")
    monkeypatch.setenv("ADRWATCH_BATCH_SIZE", "4")
    loaded = settings.load()
    assert (loaded.batch_size, loaded.batch_wait) == (4, 0.5)


def test_addresses_of_a_running_instance_stand_in_for_missing_ones(elsewhere: Path) -> None:
    folder = elsewhere / ".adrwatch"
    folder.mkdir()
    addresses = {"kafka_bootstrap": "127.0.0.1:1", "redis_url": "redis://h:2/0"}
    (folder / settings.UP_FILE).write_text(json.dumps({"pid": os.getpid()} | addresses))
    loaded = settings.load(redis_url="redis://other:3/0")
    assert loaded.require("kafka_bootstrap") == "127.0.0.1:1"
    assert loaded.require("redis_url") == "redis://other:3/0"
    with pytest.raises(AdrwatchError, match="triton") as caught:
        loaded.require("triton_url")
    assert "ADRWATCH_TRITON_URL" in caught.value.fix


def test_the_file_of_an_instance_that_was_killed_is_passed_over(elsewhere: Path) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    folder = elsewhere / ".adrwatch"
    folder.mkdir()
    (folder / settings.UP_FILE).write_text(json.dumps({"pid": gone.pid, "kafka_bootstrap": "127.0.0.1:1"}))
    assert settings.load().kafka_bootstrap is None


def test_an_address_is_shown_without_its_password() -> None:
    assert settings.plain_address("redis://ward:s3cret@host:6379/0") == "redis://ward:***@host:6379/0"
    assert settings.plain_address("redis://:s3c:r@et@host:6379/0") == "redis://:***@host:6379/0"
    assert settings.plain_address("127.0.0.1:9092") == "127.0.0.1:9092"


def test_a_wrong_address_is_named_without_its_password() -> None:
    with pytest.raises(AdrwatchError) as caught:
        settings.load(redis_url="http://ward:s3cret@host/0")
    assert "s3cret" not in str(caught.value)


def test_a_misspelt_variable_is_named_with_the_one_that_was_meant(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ADRWATCH_BATCH_SISE", "3")
    with pytest.raises(AdrwatchError, match="ADRWATCH_BATCH_SISE") as caught:
        settings.load()
    assert "ADRWATCH_BATCH_SIZE" in caught.value.fix


def test_variables_that_a_platform_sets_for_a_service_are_let_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ADRWATCH_PIPELINE_SERVICE_HOST", "10.0.0.1")
    monkeypatch.setenv("ADRWATCH_MAVEN_URL", "https://repo.example.org")
    assert settings.load().batch_size == 128


@pytest.mark.parametrize(
    ("security", "missing_or_idle"),
    [
        ({"KAFKA_SECURITY": "SASL_SSL"}, "KAFKA_USERNAME"),
        ({"KAFKA_SECURITY": "SASL_SSL", "KAFKA_USERNAME": "desk"}, "KAFKA_PASSWORD"),
        # Credentials that nobody would be shown, over a line that is open.
        ({"KAFKA_USERNAME": "desk", "KAFKA_PASSWORD": "open sesame"}, "KAFKA_USERNAME"),
    ],
)
def test_a_user_of_kafka_and_its_protocol_go_together(
    monkeypatch: pytest.MonkeyPatch, security: dict[str, str], missing_or_idle: str
) -> None:
    for name, value in security.items():
        monkeypatch.setenv(f"ADRWATCH_{name}", value)
    with pytest.raises(AdrwatchError, match=f"ADRWATCH_{missing_or_idle}.*ADRWATCH_KAFKA_SECURITY") as caught:
        settings.load()
    assert "open sesame" not in str(caught.value)
