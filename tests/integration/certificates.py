"""Certificates for servers of the tests, from an authority that nobody else trusts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Self

import trustme
from cryptography.hazmat.primitives import serialization


@dataclass(frozen=True)
class Pair:
    """Files in PEM: a certificate with what leads to its authority, its key, both in one, and the authority."""

    cert: Path
    key: Path
    both: Path
    authority: Path


class Authority:
    """Vouches for servers on this machine, and for clients."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._authority = trustme.CA()
        self.file = folder / "ca.pem"
        self._authority.cert_pem.write_to_path(self.file)

    @classmethod
    def foreign(cls, folder: Path) -> Self:
        """One that has vouched for none of the servers."""
        return cls(folder / "foreign")

    def server(self, name: str, *, expired: bool = False) -> Pair:
        """Of a server that is called `localhost` and 127.0.0.1; `expired`: until yesterday."""
        ends = datetime.now(UTC) - timedelta(days=1)
        begins = ends - timedelta(days=30)
        dates = {"not_before": begins, "not_after": ends} if expired else {}
        return self._write(name, self._authority.issue_cert("localhost", "127.0.0.1", **dates))

    def client(self, name: str) -> Pair:
        """Of a client."""
        return self._write(name, self._authority.issue_cert(f"{name}@example.org", common_name=name))

    def _write(self, name: str, given: trustme.LeafCert) -> Pair:
        made = Pair(*(self._folder / f"{name}.{kind}" for kind in ("crt", "key", "pem")), self.file)
        # Kafka reads PKCS #8 only.
        key = serialization.load_pem_private_key(given.private_key_pem.bytes(), None).private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        chain = b"".join(blob.bytes() for blob in given.cert_chain_pems)
        for path, content in ((made.cert, chain), (made.key, key), (made.both, key + chain)):
            path.write_bytes(content)
            path.chmod(0o600)
        return made
