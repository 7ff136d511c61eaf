"""What a figure depends on beside the code: machine, versions, revision."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path, PurePath

import psutil

from shared.settings import PACKAGE_ROOT
from tests.benchmarks.results import Machine

# Vector and matrix instructions that onnxruntime and PyTorch choose their kernels by.
_FEATURES = (
    *("avx2", "avx512f", "avx_vnni", "avx512_vnni", "avx512_bf16", "amx_int8", "amx_bf16"),
    *("asimd", "asimddp", "i8mm", "bf16", "sve"),
)
_PACKAGES = {"onnxruntime": "onnxruntime", "tokenizers": "tokenizers", "spaCy": "spacy", "Faust": "faust-streaming"}


def machine() -> Machine:
    """This machine, as far as its kernel tells."""
    info = cpu_info(Path("/proc/cpuinfo").read_text())
    flags = set(info.get("flags", info.get("Features", "")).split())
    return Machine(
        processor=info.get("model name") or platform.processor() or platform.machine(),
        cores=len(os.sched_getaffinity(0)),
        memory=psutil.virtual_memory().total,
        system=platform.freedesktop_os_release().get("PRETTY_NAME", "Linux"),
        kernel=f"{platform.system()} {platform.release()}",
        features=tuple(name for name in _FEATURES if name in flags),
        load=os.getloadavg()[0],
    )


def cpu_info(text: str) -> dict[str, str]:
    """The first processor of /proc/cpuinfo."""
    pairs = (line.partition(":") for line in text.split("\n\n")[0].splitlines())
    return {name.strip(): value.strip() for name, _, value in pairs}


def versions() -> dict[str, str]:
    """Of this environment's Python and libraries; those that are not installed are left out."""
    found = {"Python": platform.python_version()}
    for name, package in _PACKAGES.items():
        try:
            found[name] = version(package)
        except PackageNotFoundError:
            continue
    return found


def revision() -> str:
    """The commit that is checked out, and whether files differ from it."""
    try:
        commit = _git("rev-parse", "--short=12", "HEAD")
        return f"{commit} with changes" if _git("status", "--porcelain", "--untracked-files=no") else commit
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def _git(*arguments: str) -> str:
    command = ["git", "-C", str(PACKAGE_ROOT), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def command(arguments: Sequence[str]) -> str:
    """The command line without folders, which are nobody's business and nowhere else the same."""
    named = [PurePath(word).name if "/" in word else word for word in arguments]
    return " ".join(["python -m tests.benchmarks.run", *named])
