"""Names by keyed hashes, and the secrets that make them: made once, replaced, kept as long as something has to be found."""

from __future__ import annotations

import hashlib
import hmac
import json
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from services import cli
from shared import keyring, settings
from shared.errors import AdrwatchError
from shared.keyring import FILE, Keyring, LiveKeyring
from shared.settings import load
from shared.text.identity import author_hash

OLD, OLDER = "an old secret of some length", "an older secret of some length"


def secret_file(folder: Path, content: str, mode: int = 0o600) -> Path:
    path = folder / FILE
    path.write_text(content)
    path.chmod(mode)
    return path


def test_the_author_hash_is_the_keyed_hash_of_source_and_name() -> None:
    expected = hmac.new(b"key of the tests", b"forum\x1fbob", hashlib.sha256).hexdigest()[:32]
    assert author_hash("key of the tests", "forum", "bob") == expected


def test_a_handle_is_one_author_however_it_is_written() -> None:
    assert len({author_hash("k", "forum", name) for name in ("bob", "@bob", " @BOB ")}) == 1


def test_networks_and_secrets_keep_authors_apart() -> None:
    assert len({author_hash(key, source, "bob") for key in ("k", "l") for source in ("forum", "mastodon")}) == 4


def test_a_secret_is_made_once_for_the_owner_only_and_used_again(tmp_path: Path) -> None:
    folder = load(data_dir=tmp_path / "data")
    found = keyring.keyring(folder)
    assert len(found.current.secret) == 64
    assert keyring.keyring(folder) == found
    assert (tmp_path / "data" / FILE).stat().st_mode & 0o777 == 0o600
    assert [path.name for path in (tmp_path / "data").iterdir()] == [FILE]


def test_the_secrets_of_the_settings_win_and_no_file_is_made(tmp_path: Path) -> None:
    given = load(data_dir=tmp_path, author_secret="sixteen letters or more", previous_author_secrets=f"{OLD}, {OLDER}")
    assert keyring.keyring(given).secrets == ("sixteen letters or more", OLD, OLDER)
    assert list(tmp_path.iterdir()) == []


def test_earlier_secrets_of_the_settings_stand_behind_those_of_the_file(tmp_path: Path) -> None:
    secret_file(tmp_path, f"{'n' * 20}\n{OLD}\t2026-03-02\n")
    given = load(data_dir=tmp_path, previous_author_secrets=f"{OLD},{OLDER}")
    assert keyring.keyring(given).secrets == ("n" * 20, OLD, OLDER)


@pytest.mark.parametrize(
    ("content", "mode", "said"),
    [
        ("x" * 40, 0o644, "is open to other users"),
        ("short", 0o600, "shorter than 16"),
        (f"{'x' * 20}\nshort\t2026-03-02", 0o600, "in line 2 of .* is shorter than 16"),
        (f"{'x' * 20}\n{'y' * 20}", 0o600, "line 2 of .* is no earlier author secret"),
        (f"{'x' * 20}\n\n{'y' * 20}\tsoon", 0o600, "line 3 of .* is no earlier author secret"),
        (f"{'y' * 20}\t2026-03-02", 0o600, "the current one is missing"),
    ],
)
def test_a_file_that_is_open_or_has_a_broken_line_is_refused_and_no_secret_is_said(
    tmp_path: Path, content: str, mode: int, said: str
) -> None:
    secret_file(tmp_path, content, mode)
    with pytest.raises(AdrwatchError, match=said) as caught:
        keyring.keyring(load(data_dir=tmp_path))
    told = f"{caught.value.message} {caught.value.fix}"
    assert "xxxx" not in told
    assert "yyyy" not in told


def test_a_folder_that_cannot_hold_the_secret_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(AdrwatchError, match="cannot be used"):
        keyring.keyring(load(data_dir=tmp_path / "file"))


def test_an_earlier_secret_that_is_short_is_a_wrong_setting_and_is_not_said() -> None:
    with pytest.raises(AdrwatchError, match="ADRWATCH_PREVIOUS_AUTHOR_SECRETS: secret 2 is shorter") as caught:
        load(previous_author_secrets=f"{OLD},hush-hush")
    assert "hush-hush" not in caught.value.message


def test_a_process_takes_up_a_new_secret_and_stays_with_the_old_ones_where_the_file_is_broken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keyring, "_LOOK_SECONDS", 0.0)
    file = secret_file(tmp_path, f"{OLD}\n")
    live = LiveKeyring(load(data_dir=tmp_path))
    before = live()
    assert live() is before
    made = Keyring(keyring.Key("n" * 20), (keyring.Key(OLD, datetime.now(UTC).date()),))
    keyring.write(file, made)
    assert live() == made
    assert OLD not in repr(live())
    file.chmod(0o644)
    assert live() == made
    file.unlink()
    assert live() == made
    assert not file.exists()


def test_a_secret_that_is_replaced_while_a_process_starts_is_taken_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = secret_file(tmp_path, f"{OLD}\n")
    made = Keyring(keyring.Key("n" * 20), (keyring.Key(OLD, datetime.now(UTC).date()),))
    read = keyring.read

    def read_and_rotated(path: Path) -> Keyring:
        found = read(path)
        keyring.write(file, made)
        return found

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(keyring, "read", read_and_rotated)
        live = LiveKeyring(load(data_dir=tmp_path))
    assert live() == made


def adrwatch(monkeypatch: pytest.MonkeyPatch, folder: Path, *words: str) -> int:
    monkeypatch.setattr(sys, "argv", ["adrwatch", "secrets", *words])
    monkeypatch.setenv("ADRWATCH_DATA_DIR", str(folder))
    settings.current.cache_clear()
    try:
        cli.main()
    except SystemExit as left:
        return int(left.code or 0)
    finally:
        settings.current.cache_clear()
    return 0


def test_the_commands_rotate_and_retire_and_never_show_a_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = secret_file(tmp_path, f"{OLD}\n")
    assert adrwatch(monkeypatch, tmp_path, "rotate") == 0
    assert adrwatch(monkeypatch, tmp_path, "rotate") == 0
    found = keyring.read(file)
    assert file.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == [FILE]
    assert (len(found.secrets), found.secrets[-1]) == (3, OLD)
    shown = capsys.readouterr().out
    assert adrwatch(monkeypatch, tmp_path, "list", "--json") == 0
    listed = json.loads(capsys.readouterr().out)
    today = datetime.now(UTC).date()
    assert [one["fingerprint"] for one in listed] == [one.fingerprint for one in (found.current, *found.previous)]
    assert [one["state"] for one in listed] == ["current", "previous", "previous"]
    assert listed[-1]["needed_until"] == (today + timedelta(days=400)).isoformat()

    first = listed[-1]["fingerprint"]
    assert adrwatch(monkeypatch, tmp_path, "retire", first) == 2
    assert f"until {today + timedelta(days=400)}" in capsys.readouterr().err
    assert adrwatch(monkeypatch, tmp_path, "retire", listed[0]["fingerprint"]) == 2
    assert "is the current author secret" in capsys.readouterr().err
    assert adrwatch(monkeypatch, tmp_path, "retire", "00000000") == 2
    assert "has no secret 00000000" in capsys.readouterr().err
    assert adrwatch(monkeypatch, tmp_path, "retire", first, "--early") == 0
    assert keyring.read(file).secrets == found.secrets[:2]
    keyring.write(
        file,
        Keyring(found.current, tuple(keyring.Key(one.secret, today - keyring.LASTS) for one in found.previous[:1])),
    )
    assert adrwatch(monkeypatch, tmp_path, "retire", listed[1]["fingerprint"]) == 0
    assert keyring.read(file).secrets == found.secrets[:1]
    told = capsys.readouterr()
    assert not [secret for secret in found.secrets if secret in shown + told.out + told.err]


def test_a_secret_that_a_setting_gives_is_rotated_by_hand_and_the_command_says_how(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ADRWATCH_AUTHOR_SECRET", OLD)
    assert adrwatch(monkeypatch, tmp_path, "rotate") == 2
    told = capsys.readouterr().err
    assert "ADRWATCH_PREVIOUS_AUTHOR_SECRETS" in told
    assert OLD not in told
    assert list(tmp_path.iterdir()) == []
