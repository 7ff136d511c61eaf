"""The pipeline worker: posts from `adr.posts`, through the steps, to mentions, outcomes and dead letters."""

from __future__ import annotations

import asyncio
import threading
from collections import defaultdict, deque
from dataclasses import replace
from typing import Any

import msgspec
from tenacity import Retrying, retry_if_exception, wait_random_exponential

from services.pipeline.follow import LOOK_SECONDS, FollowingHandler
from services.pipeline.inference import TRITON, TRITON_FIX, check_models, summon
from services.pipeline.languages import numbers
from services.pipeline.process import Tools, process
from services.pipeline.steps.aggregate import minute
from services.pipeline.steps.ask import Infer
from services.pipeline.steps.normalise import Reported
from shared import logs, metrics, traces
from shared.errors import BadMessage, passes
from shared.events import Deletion, Mention, Outcome, Post, decode, encode
from shared.forgetting import told
from shared.health import HEALTH
from shared.not_json import NOT_JSON
from shared.settings import Settings
from shared.stream import BatchResult, Output, Record
from shared.stream.worker import Worker
from shared.topics import DELETION_HEADER, MENTIONS, OUTCOMES, POSTS, VERSION_HEADER, partition_of
from shared.triton_security import TritonAddress
from shared.vocabulary.atc import shipped
from shared.vocabulary.live import LiveDrugs

log = logs.logger("pipeline")


class _Marked(msgspec.Struct, frozen=True):
    """What is looked for in a post that cannot be read: a later version, or one that is broken, may still say its terms."""

    terms: dict[str, Any]
    id: Any = None


class PostHandler:
    """Turns records of posts into records of mentions and outcomes, by one version of the models.

    Outputs of a batch: per post its mentions, partitioned by drug, and its one outcome, in the partition of the post, which keeps
    event time in order there; each with the time of the record that it is of, so that whoever reads it beside an edit's deletion
    knows what came first. A tombstone (a deleted post) is passed over, and said to be when it bears its deletion: what
    came before it in its partition is done. Where only aggregates may be kept, the text goes as soon as the outcome is
    acknowledged, and a post that cannot be treated leaves no text in the dead letters.
    """

    def __init__(self, tools: Tools, infer: Infer) -> None:
        self._tools = tools
        self._infer = infer

    async def handle(self, records: list[Record]) -> BatchResult:
        """One micro-batch. Raises DependencyAway when Triton is away."""
        result = BatchResult()
        posts: list[tuple[Post, Record]] = []
        unread: dict[str, int] = {}
        for record in records:
            if record.value is None:
                if (deletion := _deletion(record)) is not None:
                    result.outputs.append(told(deletion, "pipeline"))
                continue
            try:
                posts.append((decode(record.value, Post), record))
            except BadMessage as error:
                marked = _aggregates_only(record.value)
                result.bad.append((record if marked is None else _emptied(record), error))
                if marked is not None and isinstance(marked.id, str):
                    unread[marked.id] = record.partition
        # A post may come twice in a batch, even with another text: both are treated, as they would be in two batches.
        source = {id(post): record for post, record in posts}
        partition = {post.id: record.partition for post, record in posts}
        reported, failures = await process([post for post, _ in posts], self._tools, self._infer)
        for post, _ in posts:
            metrics.passed(metrics.POST_SECONDS, post.created_at, "written")
            metrics.passed(metrics.POST_SECONDS, post.ingested_at, "arrived")
        failed = {id(failure.post) for failure in failures}
        versions: dict[str, deque[Record]] = defaultdict(deque)
        for post, record in posts:
            if id(post) not in failed:
                versions[post.id].append(record)
        for done in reported:
            result.outputs += self._messages(done, versions[done.outcome.post_id].popleft())
        for failure in failures:
            reason = BadMessage(failure.reason, f"{failure.stage}: {failure.detail}")
            self._refuse(result, failure.post, source[id(failure.post)], reason)
        closed = unread | {post.id: partition[post.id] for post, _ in posts if post.aggregates_only}
        result.after = [Output(POSTS, name, None, where) for name, where in closed.items()]
        return result

    def on_poison(self, record: Record, reason: BadMessage) -> BatchResult:
        """What becomes of a post that made the whole step raise."""
        result, post = BatchResult(), decode(record.value, Post)
        self._refuse(result, post, record, reason)
        if post.aggregates_only:
            result.after = [Output(POSTS, post.id, None, record.partition)]
        return result

    def _refuse(self, result: BatchResult, post: Post, record: Record, reason: BadMessage) -> None:
        result.bad.append((_emptied(record) if post.aggregates_only else record, reason))
        result.outputs.append(self._dead(post, record, reason))

    def _messages(self, done: Reported, of: Record) -> list[Output]:
        outcome, _, detail = done.outcome.status.partition(":")
        metrics.OUTCOMES.labels(outcome).inc()
        if outcome == "screened":
            metrics.SCREENED.labels(detail).inc()
        mentions = [
            Output(
                MENTIONS,
                mention.id,
                encode(mention),
                partition_of(mention.drug.id, MENTIONS.partitions),
                (*_version(mention, of), *_trace(mention, of)),
            )
            for mention in done.mentions
        ]
        traces.outcome(of, outcome)
        return [*mentions, _outcome(done.outcome, of)]

    def _dead(self, post: Post, of: Record, reason: BadMessage) -> Output:
        traces.outcome(of, "dead")
        metrics.OUTCOMES.labels("dead").inc()
        outcome = Outcome(
            post_id=post.id,
            terms=post.terms,
            status=f"dead:{reason.reason}",
            created_at=minute(post) if post.aggregates_only else post.created_at,
            model_version=self._tools.model_version,
        )
        return _outcome(outcome, of)


def _outcome(outcome: Outcome, of: Record) -> Output:
    headers = (*_version(outcome, of), *_trace(outcome, of))
    return Output(OUTCOMES, outcome.post_id, encode(outcome), of.partition, headers)


def _version(made: Mention | Outcome, of: Record) -> tuple[tuple[str, bytes], ...]:
    """Which version of its post a message is of. Where only aggregates may be kept no exact time is."""
    return () if made.aggregates_only else ((VERSION_HEADER, str(of.written_ms).encode()),)


def _trace(made: Mention | Outcome, of: Record) -> traces.Headers:
    """The trace of the post that a message was made of; none where only aggregates may be kept, whoever wrote one to it."""
    return () if made.aggregates_only else traces.onward(of)


def _emptied(record: Record) -> Record:
    """What may be kept of a post that cannot be treated, where only aggregates may be."""
    return replace(record, value=None, headers=traces.without(record.headers))


def _aggregates_only(value: bytes) -> _Marked | None:
    """The mark of a post that is no Post of this version, where only aggregates may be kept of it; else None."""
    try:
        marked = msgspec.json.decode(value, type=_Marked)
    except NOT_JSON:
        return None
    return marked if marked.terms.get("aggregates_only") else None


def _deletion(tombstone: Record) -> Deletion | None:
    """What took the post back; None where only its text was forgotten."""
    try:
        return decode(dict(tombstone.headers).get(DELETION_HEADER), Deletion)
    except BadMessage:
        return None


def build(settings: Settings) -> Worker:
    """A worker of the pipeline's group; its `run` blocks.

    Waits until Triton serves the active version of both models, and for the drug list. Raises AdrwatchError where the models are
    not those of this program's repository, or the topic of the list is missing.
    """
    worker = Worker("pipeline", settings)
    # The list of the topic is the truth here, not a file of some day before.
    attach(worker, Tools.load(settings.model_copy(update={"drugs_file": None})))
    return worker


async def _served(triton: TritonAddress, tools: Tools) -> None:
    """Raises DependencyAway while the server does not have every model, ModelMismatch where it has another one."""
    await check_models(triton, tools.number, tools.metadata)
    await summon(triton, numbers(tools.others))
    for route in tools.others.values():
        await check_models(triton, route.number, route.metadata)


def attach(worker: Worker, tools: Tools) -> None:
    """Let a worker treat posts with these tools, until another version of the models is activated. Waits and raises as `build`."""
    settings = worker.settings
    triton = TritonAddress.of(settings)
    tools.warm()
    HEALTH.needs(TRITON, TRITON_FIX)
    waiting = Retrying(
        retry=retry_if_exception(passes),
        wait=wait_random_exponential(settings.retry_first, settings.retry_most),
        before_sleep=lambda state: log.warning(
            "waiting for Triton", attempt=state.attempt_number, error=str(state.outcome and state.outcome.exception())
        ),
    )
    waiting(lambda: asyncio.run(_served(triton, tools)))
    HEALTH.answered(TRITON)
    drugs = LiveDrugs(settings, shipped(settings), threading.Event())
    drugs.start()
    handler = FollowingHandler(tools, settings.model_repository, triton, PostHandler, drugs)
    worker.batch_agent(POSTS, handler.handle, stage="pipeline", on_poison=handler.on_poison)
    worker.every(LOOK_SECONDS, handler.look, name="look")
