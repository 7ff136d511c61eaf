"""Follows the active version of the models, and the drug list, while posts go on: no restart, and one version decides a batch.

Before each micro-batch one look at the repository's `active.json` (a `stat`, no reading) tells whether another version was
activated. The worker goes over once it has loaded that version's features and Triton says that it serves it; until then it
goes on with the one it has. When Triton no longer has that one, the batch waits and looks again, like for any server that is away.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from services.pipeline.inference import TRITON, Arrays, Triton, check_models, check_ready, summon
from services.pipeline.languages import Route, numbers
from services.pipeline.process import Tools
from services.pipeline.steps.ask import Infer
from shared import logs, metrics
from shared.errors import AdrwatchError, BadMessage, DependencyAway
from shared.health import HEALTH
from shared.models import classifier, extractor
from shared.models.repository import Stamp, read_active, stamp_of_active
from shared.stream import BatchResult, Record
from shared.triton_security import TritonAddress
from shared.vocabulary.drugs import DrugLexicon

log = logs.logger("pipeline")

# While no posts come, Triton is asked a canary this often.
LOOK_SECONDS = 10.0


class Handler(Protocol):
    """Treats batches by one version."""

    async def handle(self, records: list[Record]) -> BatchResult:
        """One micro-batch. Raises DependencyAway."""

    def on_poison(self, record: Record, reason: BadMessage) -> BatchResult:
        """What becomes of a record that made `handle` raise."""


class FollowingHandler:
    """Hands each batch to a handler of the version that is active.

    `tools`: of the version to begin with. `make`: a handler from tools and from what asks the models. `drugs`: the drug lexicon in
    force. Batches come one after another: a version is let go of between two of them.
    """

    def __init__(
        self,
        tools: Tools,
        repository: Path,
        server: TritonAddress,
        make: Callable[[Tools, Infer], Handler],
        drugs: Callable[[], DrugLexicon],
    ) -> None:
        self._drugs = drugs
        self._repository = repository
        self._server = server
        self._make = make
        # Another version may have been activated since `tools` was loaded.
        self._seen: Stamp | None = None
        # The version that Triton does not serve yet, loaded once, and the stamp for which that was told.
        self._coming: Tools | None = None
        self._told: Stamp | None = None
        self._in_hand = 0
        self._use(tools)

    async def handle(self, records: list[Record]) -> BatchResult:
        """One micro-batch, as a whole by one version. Raises DependencyAway when Triton is away or has the version no more."""
        self._in_hand += 1
        try:
            return await self._handle(records)
        finally:
            self._in_hand -= 1

    async def look(self) -> None:
        """While no posts come, ask Triton a canary, over a connection of its own. Raises DependencyAway.

        A batch in hand, and one that was answered just now, say it themselves. Where another version was activated meanwhile,
        the next batch goes over to it: Triton is only asked whether it has that.
        """
        if self._in_hand or HEALTH.quiet(TRITON) < LOOK_SECONDS:
            return
        try:
            active = read_active(self._repository).version
        except AdrwatchError:
            active = self._tools.number
        if active != self._tools.number:
            await check_ready(self._server, active, self._canaries)
            return
        asked = Triton(self._server, active, self._canaries)
        try:
            await asked.canary()
        finally:
            await asked.close()

    async def _handle(self, records: list[Record]) -> BatchResult:
        await self._follow()
        self._take_up_drugs()
        used = self._tools.number
        try:
            return await self._handler.handle(records)
        except DependencyAway:
            self._seen = None
            await self._follow()
            self._take_up_drugs()
            if self._tools.number == used:
                await self._summon()
                raise
            log.info("the version went away, its batch is repeated", gone=used, version=self._tools.number)
            return await self._handler.handle(records)

    async def _summon(self) -> None:
        """A server that was started anew has the models of other languages no more; the batch comes again anyhow."""
        if self._tools.others:
            with contextlib.suppress(DependencyAway):
                await summon(self._server, numbers(self._tools.others))

    def on_poison(self, record: Record, reason: BadMessage) -> BatchResult:
        """The outcome of a post that made the whole step raise."""
        return self._handler.on_poison(record, reason)

    def _use(self, tools: Tools) -> None:
        empty = [""], tools.parser.parse([""])
        self._canaries = {
            classifier.NAME: tools.classifier.encode(*empty).batches[0],
            extractor.NAME: tools.extractor.encode(*empty).batches[0],
        }
        self._tools = tools
        routed = numbers(tools.others)
        self._triton = Triton(self._server, tools.number, self._canaries | _canaries(tools.others), routed)
        self._handler = self._make(tools, self._triton.infer)
        metrics.MODEL_VERSION.set(tools.number)

    async def _follow(self) -> None:
        """Go over to the active version where it is another one and can be used; else stay, and say why."""
        stamp: Stamp | None = None
        try:
            stamp = stamp_of_active(self._repository)
            if stamp == self._seen:
                return
            number = read_active(self._repository).version
            if number != self._tools.number:
                await self._go_over(number)
        except DependencyAway as error:
            if stamp != self._told:
                log.warning("the active version is not served yet", error=error.message)
            self._told = stamp
        except Exception as error:  # noqa: BLE001 - whatever is wrong with a version, posts are not at fault and go on
            # Until the file is replaced again, or Triton lets go of the version in use.
            self._seen = stamp
            log.error("the active version cannot be used", error=str(error))
        else:
            self._seen = stamp

    def _take_up_drugs(self) -> None:
        lexicon = self._drugs()
        if lexicon is not self._tools.lexicon:
            self._tools = replace(self._tools, lexicon=lexicon)
            self._handler = self._make(self._tools, self._triton.infer)

    async def _go_over(self, number: int) -> None:
        if self._coming is None or self._coming.number != number:
            self._coming = await asyncio.to_thread(self._tools.with_version, self._repository, number)
        tools = self._coming
        await check_models(self._server, number, tools.metadata)
        self._coming = None
        before, connection = self._tools, self._triton
        self._use(tools)
        await connection.close()
        log.info("goes over to another version", version=tools.model_version, number=number, before=before.number)


def _canaries(routes: Mapping[str, Route]) -> dict[str, Arrays]:
    """The inputs of a post without words, by model."""
    return {
        features.metadata.name: features.encode([""], route.parser.parse([""])).batches[0]
        for route in routes.values()
        for features in (route.classifier, route.extractor)
    }
