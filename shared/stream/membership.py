"""A worker's place in its consumer group, and whether another process has taken it.

A worker has a name in its group (`group.instance.id`), so that it gets its partitions back when it is started again. A second
process with that name takes the place of the first. Kafka would tell the first one so, but aiokafka 0.14 sends heartbeats without
the name: the broker only says that it does not know this member, the member joins again, and takes the place back, for ever. So
before a worker joins again that is not known any more, this asks who has the place now. After an eviction, nobody has.
"""

from __future__ import annotations

from shared.broker import admin
from shared.settings import Settings


class Membership:
    """The place of this process. `group` and `instance` as the broker knows them."""

    def __init__(self, settings: Settings, group: str, instance: str) -> None:
        self._settings = settings
        self._group = group
        self._instance = instance
        self._member: str | None = None

    def hold(self, member: str) -> None:
        """The broker has given this process its place, under a member id of its own choice."""
        self._member = member

    def taken_by(self) -> str | None:
        """The host of the process that has taken the place since it was held; None where nobody has. Raises AdrwatchError."""
        if self._member is None:
            # It has just started: who has the place is the one before, which is gone, or will find out.
            return None
        with admin(self._settings) as client:
            found = client.describe_groups([self._group])[self._group]["members"]
        for one in found:
            if one["group_instance_id"] == self._instance and one["member_id"] != self._member:
                return str(one["client_host"]).removeprefix("/")
        return None
