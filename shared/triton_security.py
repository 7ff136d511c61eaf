"""Whom clients of Triton's gRPC trust, and what they show: by the settings ADRWATCH_TRITON_SECURITY and those after it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from shared.errors import AccessRefused, DependencyAway
from shared.settings import Settings
from shared.tls import Tls


@dataclass(frozen=True)
class TritonAddress:
    """Where a Triton is, and how one talks to it. `tls` None: in the open."""

    url: str
    tls: Tls | None = None

    @classmethod
    def of(cls, settings: Settings, url: str | None = None) -> Self:
        """The one of the settings, or another one that is talked to in the same way.

        Raises AdrwatchError where none is set, or a file of certificates cannot be used.
        """
        encrypted = settings.triton_security == "SSL"
        return cls(url or settings.require("triton_url"), Tls.of(settings, "TRITON") if encrypted else None)

    @property
    def options(self) -> Mapping[str, Any]:
        """What the clients of tritonclient take, with asyncio and without. Without a file of authorities gRPC's own count."""
        if self.tls is None:
            return {}
        files = (self.tls.ca_file, self.tls.key_file, self.tls.cert_file)
        names = ("root_certificates", "private_key", "certificate_chain")
        return {"ssl": True} | {name: str(path) for name, path in zip(names, files, strict=True) if path is not None}

    def away(self, why: str) -> DependencyAway:
        """The error where no answer comes, for this reason. Looks at an encrypted line first: blocks for some seconds."""
        if self.tls is not None and (complaint := self.tls.complaint(self.url)):
            return AccessRefused(
                f"Triton at {self.url}: {complaint}", fix="docs/runbooks/security.md says how certificates are made"
            )
        return DependencyAway(
            f"Triton at {self.url} {why}", fix="start it with `adrwatch up`, or mend ADRWATCH_TRITON_URL"
        )
