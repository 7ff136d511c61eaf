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

import pytest

from shared import events
from shared.events import SCHEMA_VERSION, decode, encode
from shared.schema import KINDS, generated
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
