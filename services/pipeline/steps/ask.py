"""Ask a model about documents: parse and read each of them once, whichever models want it, and send all batches at once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from typing import Any, Protocol, TypeVar

from numpy.typing import NDArray

from services.pipeline.steps.document import Document
from shared.models.features import Encoded, Reading
from shared.text.parse import Parse, Parser

Arrays = Mapping[str, NDArray[Any]]
Infer = Callable[[str, Arrays], Coroutine[Any, Any, Arrays]]
T = TypeVar("T")


class Reader(Protocol):
    """What is asked of a model's features here. Equal digests stand for equal readings."""

    @property
    def digest(self) -> str:
        """Of all that decides what the model reads of a post."""

    def read(self, post: str, parse: Parse) -> Reading:
        """What the model reads of one post."""

    def arrange(self, readings: Sequence[Reading]) -> Encoded:
        """Batches for the model."""


async def ask(
    documents: Sequence[Document], model: str, features: Reader, parser: Parser, infer: Infer
) -> tuple[Encoded, list[Arrays]]:
    """The batches of all documents and what `infer(model, batch)` answers to each. Its errors leave this function."""
    parses = _parses(documents, parser)
    encoded = features.arrange([_reading(*each, features) for each in zip(documents, parses, strict=True)])
    # All at once: the server's instances share them out.
    return encoded, await at_once(infer(model, batch) for batch in encoded.batches)


async def at_once(calls: Iterable[Coroutine[Any, Any, T]], turns: int = 0) -> list[T]:
    """What all calls give, in their order. The first error cancels the others and leaves as it is: nothing goes on behind it.

    `turns` of the event loop go by between the beginning of one and of the next.
    """
    tasks = []
    try:
        async with asyncio.TaskGroup() as group:
            for call in calls:
                tasks.append(group.create_task(call))
                for _ in range(turns):
                    await asyncio.sleep(0)
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from errors
    return [task.result() for task in tasks]


def _parses(documents: Sequence[Document], parser: Parser) -> list[Parse]:
    missing = [document for document in documents if document.parse is None]
    for document, parse in zip(missing, parser.parse([document.post.text for document in missing]), strict=True):
        document.parse = parse
    return [document.parse for document in documents if document.parse is not None]


def _reading(document: Document, parse: Parse, features: Reader) -> Reading:
    found = document.readings.get(features.digest)
    if found is None:
        found = document.readings[features.digest] = features.read(document.post.text, parse)
    return found
