"""A Triton that encrypts, and asks its clients for a certificate, started as the launcher starts one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from deploy.local.processes import Context
from deploy.local.triton import TritonServer
from tests.integration.certificates import Authority, Pair


class SecureTriton(TritonServer):
    """`client` is the certificate that it may be shown; without one, it does not ask."""

    def __init__(self, context: Context, models: Path, authority: Authority, client: Pair | None) -> None:
        super().__init__(context, models)
        keys = authority.server("triton")
        self.options = (
            "--grpc-use-ssl=true", f"--grpc-server-cert={keys.cert}", f"--grpc-server-key={keys.key}",
            f"--grpc-root-cert={keys.authority}", *(("--grpc-use-ssl-mutual=true",) if client else ()),
            # It speaks HTTP in the open only.
            "--allow-http=false",
        )  # fmt: skip
        shown: dict[str, Any] = (
            {"private_key": str(client.key), "certificate_chain": str(client.cert)} if client else {}
        )
        self.security = {"ssl": True, "root_certificates": str(authority.file), **shown}
