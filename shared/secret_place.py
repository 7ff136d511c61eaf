"""Where the secrets of a configured thing are: named in its table, never written there."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from shared import secret_file
from shared.errors import AdrwatchError

Words = Annotated[str, Meta(min_length=1)]


class SecretPlace(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where a secret is: the name of an environment variable, or a file that only its owner can read."""

    env: Words | None = None
    file: Words | None = None

    def read(self, what: str) -> str:
        """The secret. Raises AdrwatchError, without it, where it is not there, is empty or is open to others."""
        if (self.env is None) == (self.file is None):
            raise AdrwatchError(f"{what} has no place", fix='write { env = "A_VARIABLE" } or { file = "/a/file" }')
        if self.file is not None:
            found = secret_file.read(what, Path(self.file), "give a file that adrwatch can read")
            place = self.file
        else:
            place = f"the variable {self.env}"
            found = os.environ.get(self.env or "", "").strip()
        if not found:
            raise AdrwatchError(f"{what}: {place} is not set or empty", fix="set it where adrwatch runs")
        return found
