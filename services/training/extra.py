"""Imports what only the extra `train` brings, or says how to get it."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from shared.errors import AdrwatchError


def with_extra(module: str) -> Any:
    """A module of this project that needs the extra `train`. Raises AdrwatchError that names the missing library."""
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        if error.name and error.name.split(".")[0] in {"services", "shared"}:
            raise
        raise AdrwatchError(
            f"training needs {error.name}", fix="make train, or: pip install 'adrwatch[train]'"
        ) from error
