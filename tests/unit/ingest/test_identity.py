from __future__ import annotations

import hashlib
import hmac
from pathlib import Path

import pytest

from shared.errors import AdrwatchError
from shared.settings import load
from shared.text.identity import SECRET_FILE, author_hash, author_secret


def test_the_author_hash_is_the_keyed_hash_of_source_and_name() -> None:
    expected = hmac.new(b"key of the tests", b"forum\x1fbob", hashlib.sha256).hexdigest()[:32]
    assert author_hash("key of the tests", "forum", "bob") == expected


def test_a_handle_is_one_author_however_it_is_written() -> None:
    assert len({author_hash("k", "forum", name) for name in ("bob", "@bob", " @BOB ")}) == 1


def test_networks_and_secrets_keep_authors_apart() -> None:
    assert len({author_hash(key, source, "bob") for key in ("k", "l") for source in ("forum", "mastodon")}) == 4


def test_a_secret_is_made_once_for_the_owner_only_and_used_again(tmp_path: Path) -> None:
    settings = load(data_dir=tmp_path / "data")
    secret = author_secret(settings)
    assert len(secret) == 64
    assert author_secret(settings) == secret
    assert (tmp_path / "data" / SECRET_FILE).stat().st_mode & 0o777 == 0o600
    assert [path.name for path in (tmp_path / "data").iterdir()] == [SECRET_FILE]


def test_the_secret_of_the_settings_wins_and_no_file_is_made(tmp_path: Path) -> None:
    settings = load(data_dir=tmp_path, author_secret="sixteen letters or more")
    assert author_secret(settings) == "sixteen letters or more"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("content", "mode", "said"), [("x" * 40, 0o644, "open to other users"), ("short", 0o600, "shorter")]
)
def test_a_secret_that_is_open_or_short_is_refused(tmp_path: Path, content: str, mode: int, said: str) -> None:
    path = tmp_path / SECRET_FILE
    path.write_text(content)
    path.chmod(mode)
    with pytest.raises(AdrwatchError, match=said):
        author_secret(load(data_dir=tmp_path))


def test_a_folder_that_cannot_hold_the_secret_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(AdrwatchError, match="cannot be used"):
        author_secret(load(data_dir=tmp_path / "file"))
