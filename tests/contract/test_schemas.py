"""What `docs/schemas` promises to consumers in other languages is what the code writes and reads."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest

from shared import events
from shared.errors import AdrwatchError, BadMessage
from shared.events import SCHEMA_VERSION, Event, decode, encode
from shared.examples import EXAMPLES
from shared.schema import ASYNCAPI_FILE, KINDS, asyncapi, differing, generated, json_schema, write
from shared.settings import PACKAGE_ROOT
from shared.topics import TOPICS
from shared.topics_page import render

PUBLISHED = PACKAGE_ROOT / "docs" / "schemas"
PAGE = PACKAGE_ROOT / "docs" / "topics.md"
by_name = pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: type(example).__name__)


def validator(kind: type[Event]) -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(
        json_schema(kind), format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER
    )


def required(example: Event) -> list[str]:
    return [field.name for field in msgspec.structs.fields(example) if field.required]


def test_the_published_schemas_are_in_step_with_the_code() -> None:
    assert differing(PUBLISHED) == [], "run: adrwatch schema write docs/schemas"
    # The API's own document has its test beside the API's.
    assert {path.name for path in PUBLISHED.iterdir()} - {"openapi.json"} == set(generated())


@by_name
def test_every_event_has_an_example_that_its_schema_and_decode_accept(example: Event) -> None:
    validator(type(example)).validate(json.loads(encode(example)))
    assert decode(encode(example), type(example)) == example


def test_every_message_is_among_the_examples() -> None:
    assert {type(example) for example in EXAMPLES} == set(KINDS)


@by_name
def test_unknown_fields_are_accepted(example: Event) -> None:
    record = {**json.loads(encode(example)), "a_later_field": {"of": "another version"}}
    validator(type(example)).validate(record)
    assert decode(json.dumps(record).encode(), type(example)) == example


@by_name
def test_a_missing_field_is_refused_by_its_name(example: Event) -> None:
    for name in required(example):
        record = json.loads(encode(example))
        del record[name]
        with pytest.raises(BadMessage, match=f"`{name}`") as caught:
            decode(json.dumps(record).encode(), type(example))
        assert caught.value.reason == "schema"
        with pytest.raises(jsonschema.ValidationError, match=f"'{name}' is a required property"):
            validator(type(example)).validate(record)


@by_name
def test_a_field_of_a_wrong_type_is_refused_by_schema_and_decode_alike(example: Event) -> None:
    for name in required(example):
        record = {**json.loads(encode(example)), name: ["no", {"such": "type"}]}
        with pytest.raises(BadMessage, match=name):
            decode(json.dumps(record).encode(), type(example))
        assert not validator(type(example)).is_valid(record)


@by_name
def test_a_later_version_is_refused_with_the_way_out(example: Event) -> None:
    record = {**json.loads(encode(example)), "schema_version": SCHEMA_VERSION + 1}
    with pytest.raises(BadMessage, match="schema version") as caught:
        decode(json.dumps(record).encode(), type(example))
    assert caught.value.reason == "schema-version"


def test_every_reference_of_the_asyncapi_document_leads_somewhere() -> None:
    document = asyncapi()

    def references(node: Any) -> list[str]:
        if isinstance(node, dict):
            own = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
            return own + [found for value in node.values() for found in references(value)]
        return [found for value in node for found in references(value)] if isinstance(node, list) else []

    found = references(document)
    assert found
    for reference in found:
        node: Any = document
        for part in reference.removeprefix("#/").split("/"):
            assert part in node, reference
            node = node[part]


def test_every_topic_is_a_channel_with_a_message_and_an_operation() -> None:
    document = asyncapi()
    assert document["asyncapi"] == "3.0.0"
    assert [channel["address"] for channel in document["channels"].values()] == [topic.name("adr") for topic in TOPICS]
    for topic in TOPICS:
        channel = document["channels"][topic.suffix]
        assert list(channel["messages"]) == [topic.event.__name__]
        assert channel["bindings"]["kafka"]["partitions"] == topic.partitions
        assert document["operations"][f"receive-{topic.suffix}"]["channel"]["$ref"] == f"#/channels/{topic.suffix}"


def test_a_file_that_was_changed_by_hand_is_noticed_and_written_anew(tmp_path: Path) -> None:
    assert len(write(tmp_path)) == len(generated())
    assert write(tmp_path) == []
    (tmp_path / ASYNCAPI_FILE).write_text("{}")
    (tmp_path / "post.schema.json").unlink()
    assert differing(tmp_path) == ["post.schema.json", ASYNCAPI_FILE]
    assert {path.name for path in write(tmp_path)} == {"post.schema.json", ASYNCAPI_FILE}
    assert differing(tmp_path) == []


def test_a_folder_that_cannot_be_written_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(AdrwatchError, match="cannot be written"):
        write(tmp_path / "file")


def test_the_page_of_the_topics_is_in_step_with_the_code() -> None:
    assert PAGE.read_text() == render(asyncapi()), "run: adrwatch schema page > docs/topics.md"


def test_every_field_has_a_meaning_and_every_topic_a_duty_and_nothing_else_has() -> None:
    meanings = tomllib.loads((PACKAGE_ROOT / "shared" / "meanings.toml").read_text())
    assert meanings.pop("topics").keys() == {topic.suffix for topic in TOPICS}
    for name, fields in meanings.items():
        struct = getattr(events, name)
        bases = [base for base in struct.__mro__[1:] if base in vars(events).values()]
        inherited = {field for base in bases for field in base.__struct_fields__}
        assert fields.keys() == set(struct.__struct_fields__) - inherited, name


def test_links_within_the_page_of_the_topics_lead_somewhere() -> None:
    page = PAGE.read_text()
    headings = re.findall(r"^#+ (.+)$", page, re.MULTILINE)
    anchors = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
    assert set(re.findall(r"\]\(#([^)]+)\)", page)) <= anchors
