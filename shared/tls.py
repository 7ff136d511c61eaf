"""TLS to the servers that adrwatch uses: whom it trusts, what it shows of itself, and why a line could not be had.

A server's settings are named alike: ADRWATCH_KAFKA_CA_FILE, _CERT_FILE and _KEY_FILE, and so for REDIS and TRITON.
"""

from __future__ import annotations

import socket
import ssl
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from shared.errors import AdrwatchError
from shared.settings import Settings

_ASK_SECONDS = 3.0
# A server that wants a certificate of ours says so after the handshake, at once; others wait for what we say.
_HEAR_SECONDS = 0.3


@dataclass(frozen=True)
class Tls:
    """Files in PEM for one server, called as in its settings (`KAFKA`). Without `ca_file` the system's authorities count."""

    server: str
    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None

    @classmethod
    def of(cls, settings: Settings, server: str) -> Self:
        """What the settings say of a server. Raises AdrwatchError where a file cannot be used; the message names its setting."""
        names = (f"{server.lower()}_{kind}_file" for kind in ("ca", "cert", "key"))
        made = cls(server, *(getattr(settings, name) for name in names))
        made.context()
        return made

    def context(self) -> ssl.SSLContext:
        """What Python's clients take. Raises as `of` does."""
        try:
            context = ssl.create_default_context(cafile=self.ca_file)
        except OSError as error:
            # ssl.SSLError, for a file that holds no certificate, is one.
            raise AdrwatchError(
                f"{self._setting('CA')} {self.ca_file} cannot be used: {error.strerror or error}",
                fix="give a file with the certificates, in PEM, of those who vouch for your servers",
            ) from None
        if self.cert_file is not None and self.key_file is not None:
            self._show(context, self.cert_file, self.key_file)
        return context

    def _show(self, context: ssl.SSLContext, cert: Path, key: Path) -> None:
        try:
            if stat.S_IMODE(key.stat().st_mode) & 0o027:
                raise AdrwatchError(f"{self._setting('KEY')} {key} is open to other users", fix=f"chmod 600 {key}")
            # A key that is encrypted would make OpenSSL ask for its password at the terminal.
            context.load_cert_chain(cert, key, password="")
        except OSError as error:
            raise AdrwatchError(
                f"{self._setting('CERT')} {cert} and {self._setting('KEY')} {key} cannot be used:"
                f" {getattr(error, 'reason', None) or error.strerror or error}",
                fix="give a certificate and its own key, both in PEM, the key not encrypted",
            ) from None

    def complaint(self, address: str) -> str | None:
        """What is wrong with the line to `host:port`, in words that name the setting to mend; None where nothing is seen.

        Connects once more, for clients of Kafka and of gRPC say only that nobody answers. Blocks for a few seconds at most.
        """
        host, _, port = address.rpartition(":")
        context = self.context()
        context.set_alpn_protocols(["h2", "http/1.1"])
        try:
            with socket.create_connection((host.strip("[]"), int(port)), _ASK_SECONDS) as plain:
                with context.wrap_socket(plain, server_hostname=host.strip("[]")) as line:
                    line.settimeout(_HEAR_SECONDS)
                    ended = line.recv(1) == b""
        except ssl.SSLError as error:
            return self.reason(error)
        except ConnectionResetError:
            ended = True
        except OSError:
            return None
        if ended and self.cert_file is None:
            # Not every server says so by an alert.
            wanted = f"{self._setting('CERT')} and {self._setting('KEY')}"
            return f"it ends the line at once, as one does that wants a certificate: set {wanted}"
        return None

    def reason(self, error: ssl.SSLError) -> str:
        """The words for what OpenSSL says."""
        if isinstance(error, ssl.SSLCertVerificationError):
            return f"its certificate is not accepted ({error.verify_message}): mend {self._setting('CA')}"
        said = str(error.reason or "").replace("_", " ").lower()
        if "alert" in said and ("certificate" in said or "unknown ca" in said):
            return f"it does not accept ours ({said}): mend {self._setting('CERT')} and {self._setting('KEY')}"
        return f"no encrypted line comes about ({said or 'it ends at once'})"

    def _setting(self, kind: str) -> str:
        return f"ADRWATCH_{self.server}_{kind}_FILE"


def found_in(error: BaseException) -> ssl.SSLError | None:
    """OpenSSL's error among the causes of a client's error."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLError):
            return cause
        cause = cause.__cause__ or cause.__context__
    return None
