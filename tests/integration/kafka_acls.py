"""As much of Kafka's `kafka-acls.sh` as the docs and `adrwatch rights kafka` use, by the admin protocol: the jars of the launcher
lack its class.

An option that is not known here fails, as it would there.
"""

from __future__ import annotations

import argparse
import re
import shlex
from collections.abc import Iterable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from kafka import KafkaAdminClient
from kafka.admin import ACL, ACLOperation, ACLPermissionType, ACLResourcePatternType, ResourcePattern, ResourceType


def acls(words: Sequence[str] | None) -> tuple[list[ACL], argparse.Namespace]:
    """What a command line adds, and its options."""
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--bootstrap-server", required=True)
    parser.add_argument("--command-config", type=Path, required=True)
    parser.add_argument("--add", action="store_true", required=True)
    parser.add_argument("--allow-principal", required=True)
    parser.add_argument("--operation", choices=["Read", "Write", "Describe", "All"], required=True)
    parser.add_argument("--topic", action="append", default=[])
    parser.add_argument("--group", action="append", default=[])
    parser.add_argument("--resource-pattern-type", choices=["literal", "prefixed"], default="literal")
    given = parser.parse_args(words)
    resources = [
        *((ResourceType.TOPIC, name) for name in given.topic),
        *((ResourceType.GROUP, name) for name in given.group),
    ]
    kind = ACLResourcePatternType[given.resource_pattern_type.upper()]
    return [
        ACL(
            given.allow_principal, "*", ACLOperation[given.operation.upper()], ACLPermissionType.ALLOW,
            ResourcePattern(type_, name, kind),
        )
        for type_, name in resources
    ], given  # fmt: skip


def run_script(script: str, bootstrap: str, config: Path) -> None:
    """What a script of `adrwatch rights kafka` does, by one request: each start of Kafka's own tool takes seconds."""
    found: list[ACL] = []
    for line in script.splitlines():
        program, *words = shlex.split(line, comments=True) or [""]
        if program == "kafka-acls.sh":
            assert words[0] == "$@"
            found += acls([*words[1:], "--bootstrap-server", bootstrap, "--command-config", str(config)])[0]
    give(found, bootstrap, config)


def give(wanted: Iterable[ACL], bootstrap: str, config: Path) -> None:
    """Ask the broker for them."""
    properties = dict(line.split("=", 1) for line in config.read_text().splitlines())
    username, password = re.findall(r'\w+="([^"]*)"', properties["sasl.jaas.config"])
    options: dict[str, Any] = {
        "bootstrap_servers": bootstrap, "security_protocol": properties["security.protocol"],
        "sasl_mechanism": properties["sasl.mechanism"], "sasl_plain_username": username, "sasl_plain_password": password,
        "ssl_cafile": properties["ssl.truststore.location"],
    }  # fmt: skip
    with closing(KafkaAdminClient(**options)) as admin:
        made = admin.create_acls(list(wanted))
    if made["failed"]:
        raise SystemExit(f"refused: {made['failed']}")


def main() -> None:
    found, given = acls(None)
    give(found, given.bootstrap_server, given.command_config)


if __name__ == "__main__":
    main()
