"""A Kafka that asks for users and encrypts, with Kafka's own authoriser, started as the launcher starts one."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import trustme
from cryptography.hazmat.primitives import serialization

from deploy.local.kafka import PROPERTIES, KafkaServer, check_address
from deploy.local.processes import HOST, Context
from shared.broker_security import client_options
from shared.settings import Settings, load

OPERATOR, PASSWORD = "operator", "a password of the operator"
# What comes later in a file of properties counts.
_SECURE = """
listeners=SASL_SSL://{{host}}:{{broker}},CONTROLLER://{{host}}:{{controller}}
advertised.listeners=SASL_SSL://localhost:{{broker}}
listener.security.protocol.map=CONTROLLER:PLAINTEXT,SASL_SSL:SASL_SSL
inter.broker.listener.name=SASL_SSL
sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-512
sasl.mechanism.inter.broker.protocol=PLAIN
listener.name.sasl_ssl.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required \
username="{operator}" password="{password}" user_{operator}="{password}";
listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
ssl.keystore.type=PEM
ssl.keystore.location={keys}
ssl.truststore.type=PEM
ssl.truststore.location={authorities}
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:{operator};User:ANONYMOUS
"""


class SecureKafka(KafkaServer):
    """`security` are the client options of its operator, who may do everything; `authorities` vouch for it."""

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.authorities = context.data_dir / "ca.pem"
        keys = context.data_dir / "keys.pem"
        authority = trustme.CA()
        authority.cert_pem.write_to_path(self.authorities)
        # Not every librdkafka compares addresses with certificates.
        given = authority.issue_cert("localhost")
        # Kafka reads PKCS #8 only.
        key = serialization.load_pem_private_key(given.private_key_pem.bytes(), None).private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        keys.write_bytes(key + b"".join(blob.bytes() for blob in given.cert_chain_pems))
        self.properties = PROPERTIES + _SECURE.format(
            operator=OPERATOR, password=PASSWORD, keys=keys, authorities=self.authorities
        )

    def choose_ports(self, fresh: bool) -> list[int]:
        """As its certificate names it."""
        ports = super().choose_ports(fresh)
        self.address = self.address.replace(HOST, "localhost")
        return ports

    def settings(self, username: str = OPERATOR, password: str = PASSWORD, **more: Any) -> Settings:
        """Of a user of this broker."""
        values: dict[str, Any] = {"kafka_sasl_mechanism": "PLAIN" if username == OPERATOR else "SCRAM-SHA-512"}
        return load(
            kafka_bootstrap=self.address, kafka_security="SASL_SSL", kafka_username=username, kafka_password=password,
            kafka_ca_file=self.authorities, **values | more,
        )  # fmt: skip

    def command_config(self, path: Path) -> None:
        """Write what Kafka's own tools take as `--command-config`, for the operator."""
        module = "org.apache.kafka.common.security.plain.PlainLoginModule"
        path.write_text(
            f"security.protocol=SASL_SSL\nsasl.mechanism=PLAIN\nssl.truststore.type=PEM\n"
            f"ssl.truststore.location={self.authorities}\n"
            f'sasl.jaas.config={module} required username="{OPERATOR}" password="{PASSWORD}";\n'
        )

    def tool(self, name: str) -> str:
        """A line of shell that runs one of the tools in the launcher's jars."""
        return shlex.join([*self._java, name]) + ' "$@"'

    def probe(self) -> None:
        """Describe the cluster as its operator."""
        self.check()
        check_address(self.address, client_options(self.settings()))


@contextmanager
def running(folder: Path) -> Iterator[SecureKafka]:
    """One for as long as it is needed."""
    context = Context(folder, load().cache_dir, usual_ports=False)
    server = SecureKafka(context)
    try:
        server.start()
        yield server
    finally:
        server.stop()
