"""The pipeline's handler: records in, messages and refusals out, with the shipped models in process."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from msgspec import structs

from services.pipeline.process import Tools
from services.pipeline.worker import PostHandler
from shared import metrics, traces
from shared.errors import AdrwatchError, BadMessage
from shared.events import (
    DeadLetter,
    Deletion,
    Forgotten,
    Mention,
    Outcome,
    Post,
    Span,
    Terms,
    decode,
    derived_id,
    encode,
    now,
)
from shared.models.session import OnnxModel
from shared.screening.model import AdvertModel
from shared.settings import load
from shared.stream import Output, Record
from shared.stream.batches import BatchRunner
from shared.text.clean import fingerprint
from shared.topics import (
    DEAD_LETTERS,
    DELETION_HEADER,
    FORGOTTEN,
    MENTIONS,
    OUTCOMES,
    POSTS,
    VERSION_HEADER,
    partition_of,
)
from shared.vocabulary.drugs import DrugLexicon, DrugMention
from tests.otlp import collector

MOMENT = datetime(2026, 6, 1, tzinfo=UTC)


def record(value: bytes | None, offset: int = 0, partition: int = 2) -> Record:
    return Record("adr.posts", partition, offset, b"k", value, written_ms=1_000 + offset)


def post(name: str, text: str) -> bytes:
    return encode(Post(id=f"test:{name}", source="test", text=text, created_at=MOMENT, ingested_at=MOMENT))


@pytest.fixture(scope="module")
def tools() -> Tools:
    return Tools.load(load())


@pytest.fixture(scope="module")
def handler(tools: Tools) -> PostHandler:
    repository = load().model_repository
    models = {name: OnnxModel.of_folder(repository / name) for name in ("adr_classifier", "adr_ner")}

    async def infer(name: str, inputs: Mapping[str, Any]) -> Mapping[str, Any]:
        return models[name].infer(inputs)

    return PostHandler(tools, infer)


def of(outputs: list[Output], topic: object) -> list[Output]:
    return [output for output in outputs if output.topic is topic]


async def test_a_report_gives_its_mentions_by_drug_and_one_outcome_beside_its_post(handler: PostHandler) -> None:
    result = await handler.handle([record(post("1", "day 3 on metformin and i cannot stop vomiting"))])
    mentions = [decode(output.value, Mention) for output in of(result.outputs, MENTIONS)]
    assert [(mention.drug.label, mention.reaction.label) for mention in mentions] == [("metformin", "Vomiting")]
    assert of(result.outputs, MENTIONS)[0].partition == partition_of(mentions[0].drug.id, MENTIONS.partitions)
    (output,) = of(result.outputs, OUTCOMES)
    assert (output.key, output.partition) == ("test:1", 2)
    outcome = decode(output.value, Outcome)
    assert outcome.status == "mentions:1"
    assert [(pair.drug, pair.reaction) for pair in outcome.pairs] == [(mentions[0].drug, mentions[0].reaction)]


async def test_no_output_carries_the_text_of_a_post(handler: PostHandler) -> None:
    result = await handler.handle([record(post("1", "day 3 on metformin and i cannot stop vomiting"))])
    assert not any(b"cannot stop" in (output.value or b"") for output in result.outputs)


async def test_twins_of_one_id_are_treated_alike_in_one_batch_and_in_two(handler: PostHandler) -> None:
    first = record(post("1", "day 3 on metformin and i cannot stop vomiting"), 0)
    second = record(post("1", "metformin gave me awful diarrhea all night"), 1)
    together = await handler.handle([first, second])
    apart = [*(await handler.handle([first])).outputs, *(await handler.handle([second])).outputs]
    assert {output.value for output in together.outputs} == {output.value for output in apart}
    # Each mention says of which of the two it is.
    mentions = {decode(one.value, Mention).reaction.label: one.headers for one in of(together.outputs, MENTIONS)}
    assert mentions == {
        "Vomiting": ((VERSION_HEADER, b"1000"),), "Diarrhea": ((VERSION_HEADER, b"1001"),),
    }  # fmt: skip
    assert [one.headers for one in of(together.outputs, OUTCOMES)] == list(mentions.values())


async def test_without_gates_every_post_has_a_probability_and_the_same_is_reported(
    tools: Tools, handler: PostHandler
) -> None:
    texts = ["metformin made me vomit", "i could not sleep, vomited all night", "metformin works well for me"]
    posts = [record(post(str(number), text), number) for number, text in enumerate(texts)]
    gated = (await handler.handle(posts)).outputs
    ungated = (await PostHandler(replace(tools, gated=False), handler._infer).handle(posts)).outputs
    assert of(ungated, MENTIONS) == of(gated, MENTIONS) != []
    before, after = ([decode(o.value, Outcome) for o in of(found, OUTCOMES)] for found in (gated, ungated))
    assert [outcome.status for outcome in before] == ["mentions:1", "screened:no_drug", "negative"]
    assert [without_probability(outcome) for outcome in after] == [without_probability(outcome) for outcome in before]
    assert before[1].probability is None
    assert after[1].probability is not None


def without_probability(outcome: Outcome) -> Outcome:
    return structs.replace(outcome, probability=None)


async def test_deleted_posts_are_passed_over_and_garbage_is_refused(handler: PostHandler) -> None:
    garbage = record(b"{]", 7)
    result = await handler.handle([record(None), garbage, record(post("1", "nothing here"))])
    assert [(bad.offset, reason.reason) for bad, reason in result.bad] == [(7, "not-json")]
    assert [output.key for output in result.outputs] == ["test:1"]


async def test_of_a_post_that_was_taken_back_it_is_told_when_the_pipeline_has_passed_it(handler: PostHandler) -> None:
    asked = now() - timedelta(days=1)
    deletion = Deletion(id="test:1", deleted_at=now(), requested_at=asked, asked_by="compliance")
    late = metrics.FORGET_LATE.labels("pipeline")._value
    before = late.get()
    tombstone = replace(record(None), headers=((DELETION_HEADER, encode(deletion)),))
    result = await handler.handle([record(post("1", "metformin made me vomit")), tombstone, record(None)])
    told = [decode(output.value, Forgotten) for output in of(result.outputs, FORGOTTEN)]
    assert [(one.post, one.store, one.requested_at, one.asked_by) for one in told] == [
        (derived_id("test:1"), "pipeline", asked, "compliance")
    ]
    assert late.get() == before + 1, "it was asked long ago"


async def test_a_post_that_breaks_a_step_is_dead_and_its_neighbours_live(tools: Tools, handler: PostHandler) -> None:
    class Breaking(DrugLexicon):
        def __init__(self) -> None:
            super().__init__([], "test")

        def find(self, text: str) -> list[DrugMention]:
            if "break" in text:
                raise RuntimeError(text)
            return tools.lexicon.find(text)

    broken = PostHandler(replace(tools, lexicon=Breaking()), handler._infer)
    result = await broken.handle([record(post("1", "break"), 4), record(post("2", "nothing here"), 5)])
    assert [bad.offset for bad, _ in result.bad] == [4]
    assert "break" not in result.bad[0][1].message
    statuses = {output.key: decode(output.value, Outcome).status for output in of(result.outputs, OUTCOMES)}
    assert statuses == {"test:1": "dead:screen-failed", "test:2": "screened:no_drug"}


CLOSED = Terms(aggregates_only=True, case_export=False)
REPORT = "day 3 on metformin and i cannot stop vomiting. vomiting all day, metformin put me in hospital"


def closed(name: str, text: str, **more: Any) -> bytes:
    """A post of a source of which only aggregates may be kept."""
    moment = datetime(2026, 6, 1, 9, 41, 27, 123_000, tzinfo=timezone(timedelta(hours=5, minutes=30)))
    return encode(
        Post(
            id=f"test:{name}", source="test", text=text, created_at=moment, ingested_at=MOMENT,
            terms=CLOSED, **more,
        )
    )  # fmt: skip


async def test_where_only_aggregates_may_be_kept_the_counts_stay_and_the_post_goes(handler: PostHandler) -> None:
    open_, shut = await handler.handle([record(post("1", REPORT))]), await handler.handle([record(closed("1", REPORT))])
    before, after = (
        (
            [decode(o.value, Mention) for o in of(found.outputs, MENTIONS)],
            decode(of(found.outputs, OUTCOMES)[0].value, Outcome),
        )
        for found in (open_, shut)
    )
    assert {one.headers for one in of(shut.outputs, MENTIONS)} == {()}
    # What is counted is the same.
    assert after[1].pairs == before[1].pairs != ()
    assert {(one.drug, one.reaction) for one in after[0]} == {(one.drug, one.reaction) for one in before[0]}
    assert after[1].status == f"mentions:{len(after[0])}"
    assert set().union(*(one.serious for one in after[0])) == set().union(*(one.serious for one in before[0])) != set()
    # What tells of the post is not there.
    for mention in after[0]:
        assert mention.drug_span == mention.reaction_span == Span(0, 0)
        assert mention.created_at == datetime(2026, 6, 1, 4, tzinfo=UTC)
    assert before[1].sketch is not None
    assert (after[1].sketch, after[1].author) == (None, None)
    assert after[1].created_at == datetime(2026, 6, 1, 4, 11, tzinfo=UTC)
    assert fingerprint(REPORT) == before[1].fingerprint
    assert not any(fingerprint(REPORT).encode() in (output.value or b"") for output in shut.outputs)
    assert {one.terms for one in (after[1], *after[0])} == {CLOSED}
    # The text goes once all of that is acknowledged; that of others stays.
    assert [(one.topic, one.key, one.value, one.partition) for one in shut.after] == [(POSTS, "test:1", None, 2)]
    assert open_.after == []


async def test_a_trace_goes_on_with_a_post_and_ends_where_only_aggregates_may_be_kept(handler: PostHandler) -> None:
    foreign = ((traces.TRACEPARENT, b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),)
    unreadable = closed("3", REPORT).replace(b'"text"', b'"words"')
    values = (post("1", REPORT), closed("2", REPORT), unreadable)
    records = [replace(record(value, offset), headers=foreign) for offset, value in enumerate(values)]
    with collector() as found:
        traces.configure("test", load(traces_endpoint=found.url))
        with traces.batch("pipeline", records):
            result = await handler.handle(records)
        traces.stop()
    traced = {output.key for output in result.outputs if dict(output.headers).get(traces.TRACEPARENT)}
    names = {output.key for output in of(result.outputs, MENTIONS) if decode(output.value, Mention).post_id == "test:1"}
    assert traced == {"test:1", *names}
    assert [refused.headers for refused, _ in result.bad] == [()]


async def test_reposts_are_still_linked_where_only_aggregates_may_be_kept(handler: PostHandler) -> None:
    result = await handler.handle(
        [
            record(closed(str(number), text))
            for number, text in enumerate((REPORT, f"RT @USER: {REPORT}", REPORT + " again"))
        ]
    )
    first, repost, other = (decode(output.value, Outcome).fingerprint for output in of(result.outputs, OUTCOMES))
    assert first == repost != other
    assert first is not None


async def test_a_post_of_which_only_aggregates_may_be_kept_leaves_no_text_in_the_dead_letters(
    tools: Tools, handler: PostHandler
) -> None:
    class Breaking(DrugLexicon):
        def __init__(self) -> None:
            super().__init__([], "test")

        def find(self, text: str) -> list[DrugMention]:
            raise RuntimeError(text)

    broken = PostHandler(replace(tools, lexicon=Breaking()), handler._infer)
    value = record(closed("1", "break"), 4)
    reason = BadMessage("error", "the step failed")
    for result in (await broken.handle([value]), broken.on_poison(value, reason)):
        [(bad, _)] = result.bad
        assert (bad.offset, bad.key, bad.value) == (4, value.key, None)
        [outcome] = [decode(output.value, Outcome) for output in of(result.outputs, OUTCOMES)]
        assert outcome.status.startswith("dead:")
        assert (outcome.terms, outcome.created_at.second) == (CLOSED, 0)
        assert [(one.key, one.value) for one in result.after] == [("test:1", None)]


@pytest.mark.parametrize(
    ("change", "reason"),
    [({"schema_version": 99}, "schema-version"), ({"text": 7}, "schema"), ({"text": None}, "schema")],
)
async def test_the_terms_of_a_post_that_cannot_be_read_are_obeyed(
    handler: PostHandler, change: dict[str, Any], reason: str
) -> None:
    def changed(value: bytes, offset: int) -> Record:
        return record(msgspec.json.encode(msgspec.json.decode(value) | change), offset)

    result = await handler.handle([changed(closed("1", "quokka"), 4), changed(post("2", "quokka"), 5)])
    assert [(bad.offset, bad.value is None, why.reason) for bad, why in result.bad] == [
        (4, True, reason), (5, False, reason),
    ]  # fmt: skip
    assert [(one.topic, one.key, one.value, one.partition) for one in result.after] == [(POSTS, "test:1", None, 2)]


@pytest.mark.parametrize("name", ["", '"id": 7, '])
async def test_a_post_without_a_name_leaves_no_text_either_where_its_terms_say_so(
    handler: PostHandler, name: str
) -> None:
    result = await handler.handle(
        [record(f'{{{name}"text": "quokka", "terms": {{"aggregates_only": true}}}}'.encode())]
    )
    assert [bad.value for bad, _ in result.bad] == [None]
    assert result.after == []


async def test_screened_posts_are_counted_by_reason(handler: PostHandler) -> None:
    counted = metrics.SCREENED.labels("no_drug")._value
    before = counted.get()
    await handler.handle([record(post("1", "nothing here")), record(post("2", "nothing there"))])
    assert counted.get() == before + 2


async def test_the_time_from_a_post_to_its_outcome_is_noted_unless_it_was_replayed(handler: PostHandler) -> None:
    def noted() -> list[tuple[float, float]]:
        found = [metrics.POST_SECONDS.labels(since) for since in ("written", "arrived")]
        return [(one._sum.get(), sum(bucket.get() for bucket in one._buckets)) for one in found]

    def came(written: timedelta, arrived: timedelta) -> bytes:
        times = {"created_at": now() - written, "ingested_at": now() - arrived}
        return encode(Post(id="test:1", source="test", text="nothing here", **times))

    before = noted()
    replayed = came(timedelta(days=9), timedelta(seconds=20))
    ahead = came(timedelta(seconds=-60), timedelta(days=2))
    await handler.handle([record(came(timedelta(hours=1), timedelta(seconds=30))), record(replayed), record(ahead)])
    (written, n), (arrived, m) = np.subtract(noted(), before).tolist()
    assert (written, n) == (pytest.approx(3600, abs=30), 2)
    assert (arrived, m) == (pytest.approx(50, abs=30), 2)


def test_a_worker_whose_advert_model_cannot_be_read_does_not_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "model.json"
    broken.write_text("{")
    monkeypatch.setattr("services.pipeline.process.default_model", lambda: AdvertModel.load(broken))
    with pytest.raises(AdrwatchError, match=r"model\.json is no model of the screen"):
        Tools.load(load())


async def test_a_post_that_is_nested_too_deeply_is_a_dead_letter_and_the_batch_goes_on(handler: PostHandler) -> None:
    deep = post("deep", "zoloft")[:-1] + b',"later":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    letters: list[Output] = []

    async def send(outputs: Sequence[Output]) -> None:
        letters.extend(outputs)

    runner = BatchRunner(
        "pipeline", handler.handle, send, retry_first=0.01, retry_most=0.01, on_poison=handler.on_poison
    )
    await runner.run([record(deep), record(post("right", "the bus was late"), 1)])
    assert [decode(one.value, Outcome).post_id for one in of(letters, OUTCOMES)] == ["test:right"]
    assert [decode(one.value, DeadLetter).reason for one in of(letters, DEAD_LETTERS)] == ["not-json"]
