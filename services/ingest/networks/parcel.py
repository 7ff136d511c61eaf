"""What goes to the broker together: messages, posts to take back, and the position that holds when both are there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from shared.events import Deletion, Position
from shared.stream import Output
from shared.topics import POSTS, TOPICS, partition_of

_TOPICS = {topic.suffix: topic for topic in TOPICS}


class _Message(msgspec.Struct, frozen=True, array_like=True):
    topic: str
    key: str
    value: bytes | None
    partition: int | None
    headers: tuple[tuple[str, bytes], ...]


class _Packed(msgspec.Struct, frozen=True, array_like=True):
    messages: list[_Message]
    # Those of an earlier adrwatch are ids.
    gone: list[Deletion | str]
    position: Position
    aliases: list[str] = []


_decoder = msgspec.msgpack.Decoder(_Packed)


@dataclass(frozen=True)
class Parcel:
    """`outputs` are written first, then the posts `gone` are taken back, then `position` is written.

    `aliases`: what the posts `gone` are called besides.
    """

    outputs: Sequence[Output]
    gone: Sequence[Deletion]
    position: Position
    aliases: Sequence[str] = ()

    @property
    def posts(self) -> int:
        """How many posts are in it."""
        return sum(one.topic is POSTS for one in self.outputs)

    @property
    def gone_ids(self) -> list[str]:
        """The ids of the posts to take back."""
        return [one.id for one in self.gone]

    @property
    def empty(self) -> bool:
        """Whether it is no more than a position."""
        return not self.outputs and not self.gone

    def packed(self) -> bytes:
        """The parcel as bytes, for a file."""
        messages = [
            _Message(one.topic.suffix, one.key, one.value, one.partition, tuple(one.headers)) for one in self.outputs
        ]
        return msgspec.msgpack.encode(_Packed(messages, list(self.gone), self.position, list(self.aliases)))

    @classmethod
    def unpacked(cls, data: bytes) -> Parcel:
        """The parcel of such bytes. Raises msgspec.MsgspecError, or KeyError for a topic that adrwatch has no more."""
        packed = _decoder.decode(data)
        outputs = [Output(_TOPICS[one.topic], one.key, one.value, _place(one), one.headers) for one in packed.messages]
        at = packed.position.written_at
        gone = [Deletion(id=one, deleted_at=at) if isinstance(one, str) else one for one in packed.gone]
        return cls(outputs, gone, packed.position, packed.aliases)


def _place(message: _Message) -> int | None:
    """Where a message belongs now: partitions may have been raised while it waited on disk."""
    topic = _TOPICS[message.topic]
    return partition_of(message.key, topic.partitions) if topic is POSTS else message.partition
