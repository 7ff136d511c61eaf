"""The cache of downloads that every instance on the machine shares: locked, verified, complete or absent."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from deploy.local.processes import CommandError, Context, run_to_end
from shared.errors import AdrwatchError


@contextmanager
def _locked(context: Context, path: Path) -> Iterator[None]:
    with path.open("a") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                context.sleep(0.1)
        yield


def installed(
    context: Context, name: str, build: Callable[[Path], None], intact: Callable[[Path], bool] = Path.is_dir
) -> Path:
    """The folder `name` of the cache, built if it is absent or no longer intact.

    `build` fills a temporary folder, which takes its name only when complete; a lock keeps two launchers from building
    at once. Raises AdrwatchError when the disk is full or not writable, and whatever `build` raises.
    """
    target = context.cache_dir / name
    try:
        context.cache_dir.mkdir(parents=True, exist_ok=True)
        with _locked(context, context.cache_dir / f"{name}.lock"):
            if target.is_dir() and intact(target):
                return target
            if target.exists():
                context.say(f"{name}: the cached copy is damaged, getting it again")
                shutil.rmtree(target)
            unfinished = Path(tempfile.mkdtemp(prefix=f".{name}-", dir=context.cache_dir))
            try:
                build(unfinished)
                unfinished.rename(target)
            finally:
                shutil.rmtree(unfinished, ignore_errors=True)
    except CommandError as error:
        if "no space left on device" in error.output.lower():
            raise _disk_error(context, OSError(errno.ENOSPC, "no space left on device")) from error
        raise
    except OSError as error:
        raise _disk_error(context, error) from error
    return target


def _disk_error(context: Context, error: OSError) -> AdrwatchError:
    if error.errno == errno.ENOSPC:
        free = shutil.disk_usage(context.cache_dir).free // 1_000_000
        problem = f"no space left in the cache folder {context.cache_dir} ({free} MB free, about 700 MB needed)"
    else:
        problem = f"the cache folder {context.cache_dir} cannot be used: {error.strerror or error}"
    return AdrwatchError(problem, fix="make room or set ADRWATCH_CACHE_DIR to another folder")


def sha256(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def python_environment(context: Context, name: str, *installs: tuple[str, ...]) -> Path:
    """A virtual environment in the cache, one `pip install` per entry of `installs`. Returns its folder.

    It is apart from the user's own, because its packages need other versions (numpy 1 beside numpy 2). Raises
    AdrwatchError with pip's own last word.
    """

    def build(folder: Path) -> None:
        try:
            run_to_end(context, f"install-{name}", [sys.executable, "-m", "venv", str(folder)])
        except CommandError as error:
            raise AdrwatchError(
                f"no virtual environment could be made for {name}: {error.message}",
                fix="install Python's venv module (Debian: apt install python3-venv)",
            ) from error
        for arguments in installs:
            context.say(f"{name}: pip install {' '.join(arguments)}")
            pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "--no-input"]
            run_to_end(context, f"install-{name}", [*pip, "--disable-pip-version-check", *arguments])

    return installed(context, name, build)


def site_packages(environment: Path) -> Path:
    """The folder of packages of an environment that the running interpreter's version made."""
    return environment / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"
