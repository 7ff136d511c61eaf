"""Files of certificates that cannot be used are named by their settings; what a server does is told in the same words."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from shared.errors import AccessRefused, AdrwatchError, DependencyAway
from shared.settings import load
from shared.tls import Tls
from shared.triton_security import TritonAddress
from tests.integration.certificates import Authority


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "authority")


def test_a_key_that_others_can_read_or_that_is_of_another_certificate_is_named(authority: Authority) -> None:
    one, other = authority.client("one"), authority.client("other")
    settings = load(redis_ca_file=authority.file, redis_cert_file=one.cert, redis_key_file=other.key)
    with pytest.raises(
        AdrwatchError, match=r"ADRWATCH_REDIS_CERT_FILE .* and ADRWATCH_REDIS_KEY_FILE .* cannot be used"
    ):
        Tls.of(settings, "REDIS")
    one.key.chmod(0o644)
    with pytest.raises(AdrwatchError, match=r"ADRWATCH_REDIS_KEY_FILE .* is open to other users"):
        Tls.of(settings.model_copy(update={"redis_key_file": one.key}), "REDIS")


@pytest.mark.parametrize("server", ["KAFKA", "REDIS", "TRITON"])
def test_authorities_that_are_none_are_named(server: str, tmp_path: Path) -> None:
    path = tmp_path / "ca.pem"
    path.write_text("no certificate\n")
    with pytest.raises(AdrwatchError, match=f"ADRWATCH_{server}_CA_FILE"):
        Tls.of(load(**{f"{server.lower()}_ca_file": path}), server)


@contextmanager
def listening(context: ssl.SSLContext | None) -> Iterator[str]:
    """Takes connections: by TLS, or talks like a server that knows none."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    line, _ = server.accept()
                except OSError:
                    return
                with line:
                    try:
                        if context is None:
                            line.sendall(b"-ERR unknown command\r\n")
                        else:
                            context.wrap_socket(line, server_side=True).recv(1)
                    except OSError:
                        continue

        threading.Thread(target=serve, daemon=True).start()
        yield f"127.0.0.1:{server.getsockname()[1]}"
        server.shutdown(socket.SHUT_RDWR)


def context_of(authority: Authority, *, expired: bool = False, asks: bool = False) -> ssl.SSLContext:
    pair = authority.server("server", expired=expired)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=authority.file)
    context.load_cert_chain(pair.cert, pair.key)
    context.verify_mode = ssl.CERT_REQUIRED if asks else ssl.CERT_NONE
    return context


def test_nothing_is_said_of_a_line_that_comes_about_or_of_a_server_that_is_not_there(authority: Authority) -> None:
    tls = Tls("KAFKA", authority.file)
    with listening(context_of(authority)) as address:
        assert tls.complaint(address) is None
    assert tls.complaint("127.0.0.1:1") is None


def test_a_foreign_or_old_certificate_and_one_that_is_asked_for_are_said(authority: Authority, tmp_path: Path) -> None:
    with listening(context_of(authority)) as address:
        assert "ADRWATCH_KAFKA_CA_FILE" in str(Tls("KAFKA", Authority.foreign(tmp_path).file).complaint(address))
    with listening(context_of(authority, expired=True)) as address:
        assert "certificate has expired" in str(Tls("KAFKA", authority.file).complaint(address))
    with listening(context_of(authority, asks=True)) as address:
        assert "ADRWATCH_KAFKA_CERT_FILE" in str(Tls("KAFKA", authority.file).complaint(address))
    with listening(None) as address:
        assert "no encrypted line" in str(Tls("KAFKA", authority.file).complaint(address))


def test_a_triton_that_is_away_is_waited_for_and_one_that_is_not_believed_is_not(
    authority: Authority, tmp_path: Path
) -> None:
    found = TritonAddress("127.0.0.1:1", Tls("TRITON", authority.file)).away("does not answer")
    assert type(found) is DependencyAway
    with listening(context_of(authority)) as address:
        found = TritonAddress(address, Tls("TRITON", Authority.foreign(tmp_path).file)).away("does not answer")
    assert isinstance(found, AccessRefused)
