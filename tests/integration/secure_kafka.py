"""A Kafka that asks for users and encrypts, with Kafka's own authoriser, started as the launcher starts one."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from deploy.local.kafka import PROPERTIES, KafkaServer, check_address
from deploy.local.processes import HOST, Context, choose_port
from shared.broker_security import client_options
from shared.settings import Settings, load
from tests.integration.certificates import Authority

OPERATOR, PASSWORD = "operator", "a password of the operator"
# What comes later in a file of properties counts.
_SECURE = """
listeners=SASL_SSL://{{host}}:{{broker}},SSL://{{host}}:{shown},CONTROLLER://{{host}}:{{controller}}
advertised.listeners=SASL_SSL://localhost:{{broker}},SSL://localhost:{shown}
listener.security.protocol.map=CONTROLLER:PLAINTEXT,SASL_SSL:SASL_SSL,SSL:SSL
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
listener.name.ssl.ssl.client.auth=required
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:{operator};User:ANONYMOUS
"""


class SecureKafka(KafkaServer):
    """Its operator may do everything; `authorities` vouch for it. At `shown` clients prove by a certificate who they are."""

    def __init__(self, context: Context, authority: Authority | None = None) -> None:
        super().__init__(context)
        authority = authority or Authority(context.data_dir)
        self._keys = authority.server("kafka")
        self.authorities = authority.file
        self.shown = ""

    def choose_ports(self, fresh: bool) -> list[int]:
        """As its certificate names it: not every librdkafka compares addresses with certificates."""
        ports = [*super().choose_ports(fresh), choose_port(self.context, self.name, None)]
        self.address = self.address.replace(HOST, "localhost")
        self.shown = f"localhost:{ports[-1]}"
        self.properties = PROPERTIES + _SECURE.format(
            operator=OPERATOR, password=PASSWORD, keys=self._keys.both, authorities=self.authorities, shown=ports[-1]
        )
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
