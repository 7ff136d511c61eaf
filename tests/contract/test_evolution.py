"""Messages that earlier versions wrote are read, and the schemas keep what was promised to those who subscribe: docs/analysts.md.

`golden.jsonl` holds messages of every shape that was ever written, `published` the schemas as they were last published. Both are
added to, with a new version of the schema in `published` in the place of the one before it, and never mended.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from services.alerting.rows import Stored
from shared import events
from shared.errors import BadMessage
from shared.events import SCHEMA_VERSION, Alert, Event, decode, encode
from shared.examples import EXAMPLES
from shared.schema import KINDS, generated, json_schema
from shared.signals.episodes import Episode, Episodes
from tests.contract.compatibility import breaks

HERE = Path(__file__).parent
GOLDEN = [json.loads(line) for line in (HERE / "golden.jsonl").read_text().splitlines()]
PUBLISHED = {path.name: json.loads(path.read_text()) for path in sorted((HERE / "published").iterdir())}


def holds(now: Any, then: Any) -> bool:
    """Whether a message still says all that it said. What is left out has its default."""
    if isinstance(then, dict):
        return all(
            holds(now[name], value) if name in now else value in (None, [], False, True) for name, value in then.items()
        )
    if isinstance(then, list):
        return len(now) == len(then) and all(map(holds, now, then))
    return bool(now == then)


@pytest.mark.parametrize("golden", GOLDEN, ids=lambda golden: f"{golden['kind']}-{golden['written']}")
def test_a_message_of_an_earlier_version_is_read_with_all_that_it_says(golden: dict[str, Any]) -> None:
    event = decode(json.dumps(golden["message"]).encode(), getattr(events, golden["kind"]))
    assert holds(json.loads(encode(event)), golden["message"])


def test_there_is_a_golden_message_of_every_kind() -> None:
    assert {golden["kind"] for golden in GOLDEN} == {kind.__name__ for kind in KINDS}


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_schema_allows_what_the_one_that_was_published_last_allowed(name: str) -> None:
    before = PUBLISHED[name]
    assert before["properties"]["schema_version"]["default"] == SCHEMA_VERSION, (
        "publish the schemas of the new version here"
    )
    assert breaks(before, json.loads(generated()[name])) == []


def removed(schema: Any) -> None:
    del schema["properties"]["lane"]


def retyped(schema: Any) -> None:
    schema["$defs"]["Table"]["properties"]["a"]["type"] = "number"


def nullable(schema: Any) -> None:
    schema["properties"]["kind"] = {"anyOf": [schema["properties"]["kind"], {"type": "null"}]}


def demanded(schema: Any) -> None:
    schema["properties"]["desk"] = {"type": "string"}
    schema["required"].append("desk")


def dropped(schema: Any) -> None:
    schema["$defs"]["Concept"]["required"].remove("label")


def narrowed(schema: Any) -> None:
    schema["properties"]["lane"]["enum"].remove("special")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (removed, ".lane: is gone"),
        (retyped, ".table.a: the type was integer and is number"),
        (nullable, ".kind: the type was string and is null or string"),
        (demanded, ".desk: is required, and was not"),
        (dropped, ".drug.label: may be missing, and was always there"),
        (narrowed, ".lane: ['special'] are allowed no more"),
    ],
)
def test_a_change_that_breaks_somebody_is_named(change: Callable[[Any], None], said: str) -> None:
    before = PUBLISHED["alert.schema.json"]
    after = copy.deepcopy(before)
    change(after)
    assert said in breaks(before, after)


def test_a_new_optional_field_and_a_new_word_break_nobody() -> None:
    before = PUBLISHED["alert.schema.json"]
    after = copy.deepcopy(before)
    after["properties"]["desk"] = {"type": "string", "default": "first"}
    after["properties"]["lane"]["enum"].append("quiet")
    assert breaks(before, after) == []


def later(example: Event) -> dict[str, Any]:
    """The message as a later adrwatch of the same schema version may write it: with more fields, wherever there are fields."""

    def more(node: Any, name: str = "") -> Any:
        if isinstance(node, dict):
            fields = {key: more(value, key) for key, value in node.items()}
            # Names of measures are no fields, nor are reasons of dead letters.
            return fields if name in ("measures", "reasons") else {**fields, "a_later_field": {"of": "it"}}
        return [more(value) for value in node] if isinstance(node, list) else node

    grown: dict[str, Any] = more(json.loads(encode(example)))
    return grown


def words_of(kind: type[Event]) -> dict[str, bool]:
    """Fields whose value is one of some words, and whether they must be there."""
    schema = json_schema(kind)
    return {
        name: name in schema["required"]
        for name, field in schema["properties"].items()
        if any("enum" in one for one in (field, *field.get("anyOf", ())))
    }


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: type(example).__name__)
def test_a_message_of_every_topic_that_a_later_version_wrote_is_read_with_all_that_is_known_of_it(
    example: Event,
) -> None:
    assert decode(json.dumps(later(example)).encode(), type(example)) == example


@pytest.mark.parametrize(
    ("example", "name"),
    [(example, name) for example in EXAMPLES for name, needed in words_of(type(example)).items() if not needed],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_a_word_of_a_later_version_counts_as_none_where_the_field_need_not_be_there(example: Event, name: str) -> None:
    without = json.loads(encode(example))
    without.pop(name, None)
    expected = decode(json.dumps(without).encode(), type(example))
    assert decode(json.dumps({**later(example), name: "a-later-word"}).encode(), type(example)) == expected


@pytest.mark.parametrize(
    ("example", "name"),
    [(example, name) for example in EXAMPLES for name, needed in words_of(type(example)).items() if needed],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_a_word_of_a_later_version_that_is_needed_is_refused_with_the_way_out(example: Event, name: str) -> None:
    with pytest.raises(BadMessage, match=f"a word in {name} that this program does not know") as caught:
        decode(json.dumps({**later(example), name: "a-later-word"}).encode(), type(example))
    assert (caught.value.reason, "upgrade this worker" in caught.value.fix) == ("later-word", True)


def test_what_redis_keeps_may_get_another_field_at_its_end() -> None:
    row = Stored(1, "author", "words", (("d1", "r1"),), b"sketch", True, "\x1f17\x1f")
    packed = msgspec.msgpack.decode(msgspec.msgpack.encode(row))
    assert msgspec.msgpack.decode(msgspec.msgpack.encode([*packed, "later"]), type=Stored) == row
    before = msgspec.msgpack.decode(msgspec.msgpack.encode(packed[:4]), type=Stored)
    assert (before.pairs, before.sketch, before.unnamed, before.version) == (row.pairs, None, False, 0)
    alert = next(example for example in EXAMPLES if isinstance(example, Alert))
    episode = Episode(1, 2, alert)
    plain = msgspec.to_builtins(episode)
    grown = {**plain, "later": 1} if isinstance(plain, dict) else [*plain, "later"]
    assert msgspec.msgpack.decode(msgspec.msgpack.encode([grown]), type=Episodes) == (episode,)
