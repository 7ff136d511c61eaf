"""Secrets of the settings that lie in files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from services.cli import build
from shared import settings
from shared.errors import AdrwatchError
from shared.secret_settings import secret_fields, variables
from shared.settings import Settings, plain_address


@pytest.fixture(autouse=True)
def elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def file(folder: Path, content: str, mode: int = 0o600) -> str:
    path = folder / "secret"
    path.write_text(content)
    path.chmod(mode)
    return str(path)


def test_every_secret_and_every_address_that_may_hold_one_can_lie_in_a_file() -> None:
    assert set(secret_fields(Settings)) == {
        "kafka_password", "redis_url", "redis_password", "author_secret", "previous_author_secrets", "sketch_secret",
        "database_url", "audit_secret", "dashboard_oidc_client_secret",
    }  # fmt: skip
    # None of the variables that name a file is one of another setting.
    assert not variables(Settings).keys() & {f"ADRWATCH_{name.upper()}" for name in Settings.model_fields}


@pytest.mark.parametrize("mode", [0o400, 0o600, 0o440])
def test_a_secret_is_read_from_its_file_without_its_last_line_end(
    elsewhere: Path, monkeypatch: pytest.MonkeyPatch, mode: int
) -> None:
    monkeypatch.setenv("ADRWATCH_AUTHOR_SECRET_FILE", file(elsewhere, "a secret of the authors\n", mode))
    monkeypatch.setenv("ADRWATCH_REDIS_URL_FILE", file(elsewhere / "..", "rediss://a:secret@host:1/0\n", mode))
    loaded = settings.load()
    assert loaded.author_secret is not None
    assert loaded.author_secret.get_secret_value() == "a secret of the authors"
    assert loaded.redis_url == "rediss://a:secret@host:1/0"


@pytest.mark.parametrize(
    ("content", "mode", "said"),
    [
        ("a secret of the authors", 0o644, "open to other users"),
        ("a secret of the authors", 0o620, "open to other users"),
        (" \n", 0o600, "is empty"),
        ("too short", 0o600, "at least 16"),
    ],
)
def test_a_file_that_cannot_be_used_is_named_and_its_secret_is_not(
    elsewhere: Path, monkeypatch: pytest.MonkeyPatch, content: str, mode: int, said: str
) -> None:
    monkeypatch.setenv("ADRWATCH_AUTHOR_SECRET_FILE", file(elsewhere, content, mode))
    with pytest.raises(AdrwatchError, match=said) as refused:
        settings.load()
    assert "ADRWATCH_AUTHOR_SECRET" in refused.value.message
    assert content.strip() == "" or content not in str(refused.value)


def test_a_file_that_is_not_there_is_named(elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ADRWATCH_KAFKA_PASSWORD_FILE", str(elsewhere / "nothing"))
    with pytest.raises(AdrwatchError, match=r"ADRWATCH_KAFKA_PASSWORD_FILE.*nothing"):
        settings.load()


def test_the_variable_itself_goes_first_so_that_a_child_has_what_its_parent_had(
    elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ADRWATCH_AUTHOR_SECRET_FILE", str(elsewhere / "gone by now"))
    monkeypatch.setenv("ADRWATCH_AUTHOR_SECRET", "a secret of the authors")
    assert settings.load().author_secret is not None


def test_a_misspelt_variable_of_a_file_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ADRWATCH_KAFKA_PASWORD_FILE", "/run/secrets/kafka")
    with pytest.raises(AdrwatchError) as refused:
        settings.load()
    assert "ADRWATCH_KAFKA_PASSWORD_FILE" in refused.value.fix


def test_the_list_of_settings_shows_no_secret(elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in variables(Settings):
        word = "rediss://desk:open-sesame@host:1/0" if "REDIS_URL" in name else "open-sesame-open-sesame"
        (elsewhere / name).write_text("postgresql://desk:open-sesame@host/cases" if "DATABASE" in name else word)
        (elsewhere / name).chmod(0o600)
        monkeypatch.setenv(name, str(elsewhere / name))
    monkeypatch.setenv("ADRWATCH_KAFKA_SECURITY", "SASL_SSL")
    monkeypatch.setenv("ADRWATCH_KAFKA_USERNAME", "desk")
    for words in (["settings"], ["settings", "--json"]):
        done = CliRunner().invoke(build(), words, catch_exceptions=False)
        assert "open-sesame" not in done.output
    assert json.loads(done.output)["kafka_password"] == "set"


def test_a_password_among_the_options_of_an_address_is_not_shown() -> None:
    assert plain_address("rediss://host:1/0?password=hush&db=1") == "rediss://host:1/0?password=***&db=1"


@pytest.mark.parametrize("server", ["KAFKA", "REDIS", "TRITON"])
@pytest.mark.parametrize("given", ["CERT", "KEY"])
def test_a_certificate_and_its_key_go_together(monkeypatch: pytest.MonkeyPatch, server: str, given: str) -> None:
    monkeypatch.setenv(f"ADRWATCH_{server}_{given}_FILE", "/etc/a.pem")
    with pytest.raises(AdrwatchError, match=f"ADRWATCH_{server}_KEY_FILE.*ADRWATCH_{server}_CERT_FILE"):
        settings.load()
