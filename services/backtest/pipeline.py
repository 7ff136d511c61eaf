"""The pipeline in this process: its handler and its micro-batch loop, with lists in the place of topics."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable, Iterator, Sequence

from services.pipeline.process import Tools
from services.pipeline.steps.ask import Infer
from services.pipeline.worker import PostHandler
from shared.events import Post, encode
from shared.settings import Settings
from shared.stream import Output, Record
from shared.stream.batches import BatchRunner
from shared.topics import POSTS, partition_of


class LocalPipeline:
    """Takes batches of posts to what the worker would write for them: mentions, outcomes and dead letters.

    While one batch waits for the models, the next ones are parsed: `ahead` of them are in work at once.
    """

    def __init__(self, tools: Tools, infer: Infer, settings: Settings, ahead: int) -> None:
        self._handler = PostHandler(tools, infer)
        self._settings = settings
        self._ahead = ahead
        self._offsets = dict.fromkeys(range(POSTS.partitions), 0)

    def run(self, batches: Iterable[Sequence[Post]]) -> Iterator[list[Output]]:
        """The messages of each batch, in the order of the batches."""
        with asyncio.Runner() as runner:
            loop = runner.get_loop()
            waiting: deque[asyncio.Task[list[Output]]] = deque()
            for batch in batches:
                waiting.append(loop.create_task(self._messages([self._record(post) for post in batch])))
                if len(waiting) > self._ahead:
                    yield loop.run_until_complete(waiting.popleft())
            while waiting:
                yield loop.run_until_complete(waiting.popleft())

    async def _messages(self, records: list[Record]) -> list[Output]:
        written: list[Output] = []

        async def send(outputs: Sequence[Output]) -> None:
            written.extend(outputs)

        runner = BatchRunner(
            "pipeline",
            self._handler.handle,
            send,
            retry_first=self._settings.retry_first,
            retry_most=self._settings.retry_most,
            on_poison=self._handler.on_poison,
        )
        await runner.run(records)
        return written

    def _record(self, post: Post) -> Record:
        """The post as it would lie in a new topic."""
        partition = partition_of(post.id, POSTS.partitions)
        offset = self._offsets[partition]
        self._offsets[partition] += 1
        return Record(POSTS.name(self._settings.topic_prefix), partition, offset, post.id.encode(), encode(post))
