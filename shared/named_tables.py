"""A TOML file of named things of several types, such as notification channels or sources, with errors that name the key."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from shared.errors import AdrwatchError


def read(path: Path, variable: str) -> dict[str, Any]:
    """The file's content. Raises AdrwatchError where it cannot be read; `variable` is the setting that names it."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise AdrwatchError(f"{path} cannot be read: {error}", fix=f"mend {variable}") from None
    except tomllib.TOMLDecodeError as error:
        raise AdrwatchError(f"{path} is no TOML: {error}", fix="mend the file") from None


def convert(where: str, table: Any, kinds: Sequence[type[msgspec.Struct]], page: str) -> Any:
    """The table as the one of `kinds`, tagged structs, whose tag is its `type`.

    Raises AdrwatchError for another type, a key that the kind does not have, or a value that it does not take; `where` is what
    the table is called in it, `page` the page of the docs that lists the keys.
    """
    types: dict[Any, type[msgspec.Struct]] = {kind.__struct_config__.tag: kind for kind in kinds}
    kind = types.get(table.get("type")) if isinstance(table, dict) else None
    if kind is None:
        raise AdrwatchError(
            f"{where} has no type that adrwatch knows", fix=f"write type = one of {', '.join(map(str, types))}"
        )
    fields = [field.name for field in msgspec.structs.fields(kind)]
    if strange := sorted(table.keys() - {"type", *fields}):
        raise unknown(strange[0], fields, where)
    try:
        return msgspec.convert(table, kind)
    except msgspec.ValidationError as error:
        what, _, key = str(error).partition(" - at `$.")
        key = key.rstrip("`")
        raise AdrwatchError(f"{where}: {f'{key}: ' if key else ''}{what}", fix=f"see {page}") from None


def unknown(key: str, known: Iterable[str], where: str) -> AdrwatchError:
    """The error of a key that is none, with the one that was probably meant."""
    names = list(known)
    meant = difflib.get_close_matches(key, names, n=1)
    fix = f"did you mean {meant[0]}?" if meant else f"keys are {', '.join(names)}"
    return AdrwatchError(f"{where}: there is no key {key}", fix=fix)
