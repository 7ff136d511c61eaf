"""The notifiers file: every mistake is named with its place and its way out, and no secret is ever shown."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from services.cli import build
from services.notify.channel import Email
from services.notify.configuration import examine, load
from shared import settings
from shared.errors import AdrwatchError

RIGHT = """
link = "https://desk.example/alerts/{id}"

[channels.desk]
type = "webhook"
url = "https://desk.example/hooks/abc"
secret = { env = "DESK_SECRET" }
lanes = ["urgent", "signal"]
drugs = ["sertraline"]

[channels.chat]
type = "slack"
url = { env = "CHAT_URL" }
digest_hours = 6

[channels.mail]
type = "email"
host = "mail.example"
sender = "adrwatch@example.com"
recipients = ["safety@example.com"]
username = "adrwatch"
password = { env = "MAIL_PASSWORD" }

[channels.store]
type = "kafka"
topic = "safety.alerts"
digest_hours = 0
"""
SECRETS = {
    "DESK_SECRET": "a secret that nobody may see", "CHAT_URL": "https://chat.example/services/T/B/hidden",
    "MAIL_PASSWORD": "hidden as well",
}  # fmt: skip


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    path = tmp_path / "notifiers.toml"
    path.write_text(RIGHT)
    return path


def found(path: Path) -> settings.Settings:
    return settings.load(notifiers_file=path)


def test_a_file_that_is_right_gives_its_channels(file: Path) -> None:
    notifiers = load(found(file))
    assert list(notifiers.channels) == ["desk", "chat", "mail", "store"]
    assert isinstance(notifiers.channels["mail"], Email)
    assert notifiers.channels["mail"].at == ("mail.example", 587)
    with pytest.raises(AdrwatchError, match=r"no channel des .*desk, chat"):
        notifiers.channel("des")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('lanes = ["urgent"', 'lane = ["urgent"', "channel desk: there is no key lane .*did you mean lanes"),
        ('"urgent", ', '"urgnt", ', r"channel desk: lanes\[0\]: Invalid enum value 'urgnt'"),
        ('type = "slack"', 'type = "teams"', "channel chat has no type .*webhook, slack, email, kafka"),
        ('type = "slack"\n', "", "channel chat has no type"),
        ('url = "https://desk', 'url = "desk', "channel desk: url: Expected `str` matching"),
        ("https://desk.example/hooks", "https://me:pw@desk.example/hooks", "channel desk: the url holds a password"),
        ('"DESK_SECRET"', '"DESK_SECRT"', "channel desk: secret: the variable DESK_SECRT is not set"),
        ('{ env = "DESK_SECRET" }', '"plain in the file"', "channel desk: secret: Expected `object`"),
        ('{ env = "DESK_SECRET" }', "{}", "channel desk: secret has no place"),
        ('{ env = "CHAT_URL" }', '{ env = "MAIL_PASSWORD" }', "channel chat: the url is none"),
        ('host = "mail.example"\n', "", "channel mail: Object missing required field `host`"),
        ('username = "adrwatch"\n', "", "channel mail: username and password go together"),
        ('host = "mail.example"', 'host = "mail.example"\nsecurity = "none"', "channel mail: the password would go unencrypted"),
        ('["safety@example.com"]', '["safety"]', r"channel mail: recipients\[0\]"),
        ('"safety.alerts"', '"adr.alerts"', "channel store: adr.alerts is a topic of adrwatch itself"),
        ("digest_hours = 6", "digest_hours = -1", "channel chat: digest_hours"),
        ("[channels.chat]", "[channels.Chat_1]", "channel Chat_1: no name for a channel"),
        ("{id}", "", "link is"),
        ("link =", "links =", "there is no key links .*did you mean link"),
        ("[channels.", "[channel.", "has no channel"),
        ('link = "', "link = ", "is no TOML"),
    ],
)  # fmt: skip
def test_every_mistake_is_named(file: Path, old: str, new: str, message: str) -> None:
    assert old in RIGHT
    file.write_text(RIGHT.replace(old, new))
    with pytest.raises(AdrwatchError, match=message) as caught:
        load(found(file))
    assert caught.value.fix
    assert not any(secret in str(caught.value) for secret in SECRETS.values())


def test_all_mistakes_are_found_at_once(file: Path) -> None:
    file.write_text(RIGHT.replace('"DESK_SECRET"', '"NO_SECRET"').replace("digest_hours = 6", "digest = 6"))
    notifiers, wrong = examine(found(file))
    assert list(notifiers.channels) == ["mail", "store"]
    assert [error.message.split(":")[0] for error in wrong] == ["channel desk", "channel chat"]


def test_a_secret_in_a_file_that_others_can_read_is_refused(file: Path, tmp_path: Path) -> None:
    secret = tmp_path / "desk.secret"
    secret.write_text("a secret of some length\n")
    secret.chmod(0o640)
    file.write_text(RIGHT.replace('{ env = "DESK_SECRET" }', f'{{ file = "{secret}" }}'))
    with pytest.raises(AdrwatchError, match=r"is open to other users .*chmod 600"):
        load(found(file))
    secret.chmod(0o600)
    load(found(file))
    secret.unlink()
    with pytest.raises(AdrwatchError, match=r"channel desk: secret .*cannot be used: No such file"):
        load(found(file))


@pytest.mark.parametrize(
    ("secret", "message"), [("whsec_no base64", "no base64 follows"), ("whsec_c2hvcnQ=", "shorter than")]
)
def test_a_signing_key_that_is_none_is_named_without_its_value(
    file: Path, monkeypatch: pytest.MonkeyPatch, secret: str, message: str
) -> None:
    monkeypatch.setenv("DESK_SECRET", secret)
    with pytest.raises(AdrwatchError, match=f"channel desk: .*{message}") as caught:
        load(found(file))
    assert secret not in str(caught.value)


def test_the_command_checks_and_lists_without_showing_a_secret(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ADRWATCH_NOTIFIERS_FILE", str(file))
    settings.current.cache_clear()
    outputs = [CliRunner().invoke(build(), ["notify", *words]) for words in (["check"], ["list"], ["list", "--json"])]
    assert [output.exit_code for output in outputs] == [0, 0, 0]
    assert "desk is right: https://desk.example\n" in outputs[0].output
    assert "urgent, signal" in outputs[1].output
    shown = "".join(output.output for output in outputs)
    assert not any(secret in shown for secret in (*SECRETS.values(), "hooks/abc"))
    file.write_text(RIGHT.replace("digest_hours = 6", "digest = 6"))
    wrong = CliRunner().invoke(build(), ["notify", "check"])
    settings.current.cache_clear()
    assert wrong.exit_code == 2
    assert "there is no key digest" in wrong.output
