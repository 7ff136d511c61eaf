"""As much of Kafka's `kafka-acls.sh` as docs/analysts.md uses, by the admin protocol: the jars of the launcher lack its class.

An option that is not known here fails, as it would there.
"""

from __future__ import annotations

import argparse
import re
from contextlib import closing
from pathlib import Path

from kafka import KafkaAdminClient
from kafka.admin import ACL, ACLOperation, ACLPermissionType, ACLResourcePatternType, ResourcePattern, ResourceType


def main() -> None:
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--bootstrap-server", required=True)
    parser.add_argument("--command-config", type=Path, required=True)
    parser.add_argument("--add", action="store_true", required=True)
    parser.add_argument("--allow-principal", required=True)
    parser.add_argument("--operation", choices=["Read", "All"], required=True)
    parser.add_argument("--topic", action="append", default=[])
    parser.add_argument("--group", action="append", default=[])
    parser.add_argument("--resource-pattern-type", choices=["literal", "prefixed"], default="literal")
    given = parser.parse_args()
    properties = dict(line.split("=", 1) for line in given.command_config.read_text().splitlines())
    username, password = re.findall(r'\w+="([^"]*)"', properties["sasl.jaas.config"])
    resources = [
        *((ResourceType.TOPIC, name) for name in given.topic),
        *((ResourceType.GROUP, name) for name in given.group),
    ]
    kind = ACLResourcePatternType[given.resource_pattern_type.upper()]
    with closing(
        KafkaAdminClient(
            bootstrap_servers=given.bootstrap_server, security_protocol=properties["security.protocol"],
            sasl_mechanism=properties["sasl.mechanism"], sasl_plain_username=username, sasl_plain_password=password,
            ssl_cafile=properties["ssl.truststore.location"],
        )
    ) as admin:  # fmt: skip
        made = admin.create_acls([
            ACL(
                given.allow_principal, "*", ACLOperation[given.operation.upper()], ACLPermissionType.ALLOW,
                ResourcePattern(type_, name, kind),
            )
            for type_, name in resources
        ])  # fmt: skip
    if made["failed"]:
        raise SystemExit(f"refused: {made['failed']}")


if __name__ == "__main__":
    main()
