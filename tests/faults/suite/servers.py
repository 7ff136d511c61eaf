"""A stack whose servers are reached through proxies: each service has a door of its own to Kafka, the checker none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from deploy.local.kafka import PROPERTIES, KafkaServer
from deploy.local.processes import HOST, Context, choose_port
from deploy.local.servers import Server
from deploy.local.stack import Stack
from deploy.local.workers import Worker
from shared.settings import Settings
from tests.faults.suite.proxy import Proxy

# What comes later in a file of properties counts.
_DOORS = """
listeners=PLAINTEXT://{{host}}:{{broker}},CONTROLLER://{{host}}:{{controller}},{listeners}
advertised.listeners=PLAINTEXT://{{host}}:{{broker}},{advertised}
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,{kinds}
inter.broker.listener.name=PLAINTEXT
"""


class ProxiedKafka(KafkaServer):
    """A broker with one more listener for each door, which it advertises at the door's proxy."""

    def __init__(self, context: Context, doors: Mapping[str, Proxy]) -> None:
        super().__init__(context)
        self._doors = doors

    def choose_ports(self, fresh: bool) -> list[int]:
        """See Server: a port for each door as well."""
        ports = super().choose_ports(fresh)
        behind = {name: choose_port(self.context, self.name, None) for name in self._doors}
        for name, proxy in self._doors.items():
            proxy.target = lambda port=behind[name]: (HOST, port)
        names = {name: name.upper() for name in self._doors}
        self.properties = PROPERTIES + _DOORS.format(
            listeners=",".join(f"{names[name]}://{HOST}:{port}" for name, port in behind.items()),
            advertised=",".join(f"{names[name]}://{proxy.address}" for name, proxy in self._doors.items()),
            kinds=",".join(f"{name}:PLAINTEXT" for name in names.values()),
        )
        return [*ports, *behind.values()]


class ProxiedStack(Stack):
    """A stack with such a broker; `doors` are its proxies by service."""

    def __init__(self, settings: Settings, doors: Mapping[str, Proxy], workers: Sequence[Worker], **more: Any) -> None:
        super().__init__(settings, workers=workers, topics=True, **more)
        self._doors = doors

    def make(self, name: str) -> Server:
        """See Stack."""
        return ProxiedKafka(self.context, self._doors) if name == "kafka" else super().make(name)
