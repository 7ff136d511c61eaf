"""A worker's place in its consumer group, and whether another process has taken it.

A worker has a name in its group (`group.instance.id`), so that it gets its partitions back when it is started again. A second
process with that name takes the place of the first. Kafka would tell the first one so, but aiokafka 0.14 sends heartbeats without
the name: the broker only says that it does not know this member, the member joins again, and takes the place back, for ever. So
before a worker joins again that is not known any more, this asks who has the place now. After an eviction, nobody has.
"""

from __future__ import annotations

import asyncio
import os
from typing import Any

from shared import logs
from shared.broker import admin, patiently
from shared.errors import AdrwatchError
from shared.settings import Settings

log = logs.logger("worker")


class Membership:
    """The place of this process in the group of its service. `app`: its Faust app."""

    def __init__(self, app: Any, settings: Settings, service: str) -> None:
        self._app = app
        self._settings = settings
        self._service = service
        self._member = ""

    def keep(self) -> None:
        """From now on, end this process where another one has its place."""
        self._app.on_partitions_assigned.connect(self._assigned)
        self._app.on_partitions_revoked.connect(self._revoked)

    async def _assigned(self, *_: Any, **__: Any) -> None:
        self._member = self._present()
        log.info("partitions assigned", count=len(self._app.consumer.assignment()))

    async def _revoked(self, *_: Any, **__: Any) -> None:
        """Comes before the worker joins its group again; what was in flight is done by now."""
        # One that has just started takes the place of the one before, which is gone, or will find out.
        if self._present() or not self._member:
            return
        try:
            host = await asyncio.to_thread(self._taken_by)
        except AdrwatchError as error:
            log.warning("the broker does not tell who has this worker's place", error=error.message)
            return
        if host is not None:
            log.error(
                "another process has taken the place of this worker, which ends",
                service=self._service,
                worker=self._settings.worker_id,
                host=host,
                fix="give each worker of a service an ADRWATCH_WORKER_ID of its own",
            )
            os._exit(2)

    def _present(self) -> str:
        """As the broker calls this process in its group; empty when it has said that it knows no such member."""
        return str(self._app.consumer._thread._consumer._coordinator.member_id)

    def _taken_by(self) -> str | None:
        """The host of the process that has the place now; None where nobody has. Raises AdrwatchError, DependencyAway."""
        group, instance = self._app.conf.id, self._app.conf.consumer_group_instance_id
        with admin(self._settings) as client:
            found = patiently(lambda: client.describe_groups([group]))[group]["members"]
        for one in found:
            if one["group_instance_id"] == instance and one["member_id"] != self._member:
                return str(one["client_host"]).removeprefix("/")
        return None
