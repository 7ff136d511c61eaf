"""Apache Kafka on this machine: one KRaft node, broker and controller in one, run from its jars."""

from __future__ import annotations

import base64
import socket
import uuid
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import KafkaAdminClient, NewTopic
from kafka.errors import KafkaError

from deploy.local.java import find_java
from deploy.local.kafka_jars import KAFKA, MAVEN_CENTRAL, kafka_jars
from deploy.local.processes import HOST, Context, Process, choose_port, run_to_end
from deploy.local.servers import Server
from shared.broker import opened
from shared.errors import DependencyAway

USUAL_PORTS = (9092, 9093)
# The serial collector and a fixed small heap start fastest and leave the second core to the workers.
JVM = ("-Xms512m", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
BOOTSTRAP_MS = 10_000  # how long a client looks for the first broker
PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@{host}:{controller}
listeners=PLAINTEXT://{host}:{broker},CONTROLLER://{host}:{controller}
advertised.listeners=PLAINTEXT://{host}:{broker}
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
log.dirs={logs}
num.partitions=4
auto.create.topics.enable=false
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
share.coordinator.state.topic.num.partitions=4
group.initial.rebalance.delay.ms=0
# A killed broker may come back only when its old session is over: after nine seconds, without this.
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
# The default of 128 MB does not fit the heap.
log.cleaner.dedupe.buffer.size=16777216
"""
LOG4J = """\
rootLogger.level=INFO
rootLogger.appenderRef.file.ref=file
appender.file.type=RollingFile
appender.file.name=file
appender.file.fileName={log}
appender.file.filePattern={log}.%i
appender.file.policies.type=Policies
appender.file.policies.size.type=SizeBasedTriggeringPolicy
appender.file.policies.size.size=20MB
appender.file.strategy.type=DefaultRolloverStrategy
appender.file.strategy.max=3
appender.file.layout.type=PatternLayout
appender.file.layout.pattern=%d %p %m (%c)%n%ex
"""


class KafkaServer(Server):
    """One broker with its data in the data folder, kept between runs."""

    name = "kafka"
    grace = 20.0
    properties = PROPERTIES

    def __init__(self, context: Context, maven_url: str = MAVEN_CENTRAL) -> None:
        super().__init__(context)
        self.cluster_id = ""
        self._maven_url = maven_url
        self._java: list[str] = []
        self._ports: list[int] = []

    def obtain(self) -> None:
        """Find Java and get the jars."""
        java, java_version, java_found = find_java(self.context)
        jars, how = kafka_jars(self.context, self._maven_url)
        self.version = f"Kafka {KAFKA}, Java {java_version}"
        self.found = f"jars: {how}; Java: {java_found}"
        log4j = f"-Dlog4j2.configurationFile={self.folder / 'log4j2.properties'}"
        self._java = [java, *JVM, log4j, "-cp", f"{jars}/*"]

    def choose_ports(self, fresh: bool) -> list[int]:
        """Two ports: for clients and for the controller."""
        self._ports = [choose_port(self.context, self.name, None if fresh else usual) for usual in USUAL_PORTS]
        self.address = self.url(self._ports[0])
        return self._ports

    def launch(self) -> Process:
        """Write the configuration, format the data folder the first time, start the broker."""
        broker, controller = self._ports
        properties, logs = self.folder / "server.properties", self.folder / "data"
        properties.write_text(self.properties.format(host=HOST, broker=broker, controller=controller, logs=logs))
        (self.folder / "log4j2.properties").write_text(LOG4J.format(log=self.log))
        meta = logs / "meta.properties"
        if not meta.exists():
            arguments = ["kafka.tools.StorageTool", "format", "-t", new_cluster_id(), "-c", str(properties)]
            run_to_end(self.context, "kafka-format", [*self._java, *arguments], timeout=120)
        self.cluster_id = _cluster_id(meta)
        # What the JVM itself says (out of memory, wrong option) goes beside the broker's own rolling log.
        return Process(self.name, [*self._java, "kafka.Kafka", str(properties)], self.context.log("kafka-jvm"))

    def probe(self) -> None:
        """Produce and consume a record on a topic made for it, on the cluster that was formatted here."""
        try:
            socket.create_connection((HOST, self._ports[0]), 1).close()
        except OSError as error:
            raise DependencyAway(f"nothing listens on {self.address} yet") from error
        round_trip(self.address, self.cluster_id)

    def check(self) -> None:
        """Whether the broker accepts connections."""
        try:
            socket.create_connection((HOST, self._ports[0]), 10).close()
        except OSError as error:
            raise DependencyAway(f"the broker at {self.address} refuses connections") from error


def _cluster_id(meta: Path) -> str:
    lines = dict(line.split("=", 1) for line in meta.read_text().splitlines() if "=" in line)
    return lines["cluster.id"].replace("\\", "")


def new_cluster_id() -> str:
    """A random id as Kafka writes them, 22 characters. One that began with a dash would be read as an option."""
    while True:
        identity = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        if not identity.startswith("-"):
            return identity


def round_trip(bootstrap: str, cluster_id: str) -> None:
    """Send one record through a new topic, read it back, delete the topic. Raises DependencyAway if any of it fails."""
    topic = f"adrwatch-probe-{uuid.uuid4().hex}"
    clients = {"bootstrap_servers": bootstrap, "bootstrap_timeout_ms": BOOTSTRAP_MS}
    try:
        with closing(opened(KafkaAdminClient, **clients)) as admin:
            found = admin.describe_cluster()["cluster_id"]
            if found != cluster_id:
                raise DependencyAway(f"another cluster ({found}) answers at {bootstrap}")
            admin.create_topics([NewTopic(topic, 1, 1)], wait_for_metadata=True)
            with closing(opened(KafkaProducer, **clients, acks="all")) as producer:
                producer.send(topic, b"probe").get(30)
            with closing(
                opened(KafkaConsumer, **clients, auto_offset_reset="earliest", enable_auto_commit=False)
            ) as consumer:
                consumer.assign([TopicPartition(topic, 0)])
                records = consumer.poll(30_000, max_records=1)
            admin.delete_topics([topic])
    except KafkaError as error:
        raise DependencyAway(f"kafka at {bootstrap}: {error}") from error
    if not records:
        raise DependencyAway(f"kafka at {bootstrap}: a record that was sent did not come back")


def check_address(bootstrap: str, security: Mapping[str, Any] | None = None) -> str:
    """Describe a running cluster. Raises DependencyAway, naming the address, when it does not answer.

    `security` are the options of `shared.broker_security`.
    """
    clients = {"bootstrap_servers": bootstrap.split(","), "bootstrap_timeout_ms": BOOTSTRAP_MS, **(security or {})}
    try:
        with closing(opened(KafkaAdminClient, **clients)) as admin:
            cluster = admin.describe_cluster()
    except (KafkaError, OSError, ValueError) as error:
        raise DependencyAway(
            f"no Kafka answers at {bootstrap}: {error}",
            fix="correct ADRWATCH_KAFKA_BOOTSTRAP and ADRWATCH_KAFKA_SECURITY, or unset both to start one here",
        ) from error
    return f"cluster {cluster['cluster_id']}, brokers: {len(cluster['brokers'])}"
