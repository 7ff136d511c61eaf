"""The AsyncAPI document of the topics for people: what the dashboard shows of it, and the page docs/topics.md."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from shared.topics import DAY_MS

Schema = Mapping[str, Any]

_HEAD = """# Topics

Made by `adrwatch schema page`, from the same source as [schemas/asyncapi.json](schemas/asyncapi.json). How to read them with tools
and without, who may, and what may change: [analysts.md](analysts.md).

Every message is one JSON object in UTF-8. Times are UTC with an offset. `adr` is the default of `ADRWATCH_TOPIC_PREFIX`.

## What every consumer does
- **De-duplicate by id.** Delivery is at least once: whatever was repeated has the same id. Where a topic says so, the latest
  counts.
- **Honour what is taken back**: records without value (tombstones), and `adr.deletions`.
- **Ignore unknown fields.** New optional ones come without notice; a field that is absent has its default.
- **Refuse a `schema_version` that is higher** than the one you know: [what may change](analysts.md#what-may-change).
- **Obey `terms`**: they bind whoever reads a message, not only adrwatch.
"""


@dataclass(frozen=True)
class Field:
    """A field of a message. `type` names other objects as `link` writes them; `default` is None where it must be there."""

    name: str
    type: str
    default: str | None
    meaning: str


@dataclass(frozen=True)
class Described:
    """A topic, for people. `example` is the JSON of one message, `kept` how long and of a key how many."""

    address: str
    summary: str
    description: str
    message: str
    key: str
    partitions: int
    kept: str
    about: str
    fields: tuple[Field, ...]
    example: str


@dataclass(frozen=True)
class Part:
    """An object that messages hold."""

    name: str
    about: str
    fields: tuple[Field, ...]


Link = Callable[[str], str]


def topics(document: Schema, link: Link = str) -> list[Described]:
    """Every channel of an AsyncAPI 3.0 document of `shared.schema`. Pure."""
    schemas, messages = document["components"]["schemas"], document["components"]["messages"]
    found = []
    for channel in document["channels"].values():
        [name] = channel["messages"]
        message, kafka = messages[name], channel["bindings"]["kafka"]
        found.append(
            Described(
                channel["address"], channel["summary"], channel["description"], message["name"],
                message["bindings"]["kafka"]["key"]["description"], kafka["partitions"], _kept(kafka),
                schemas[name]["description"], _fields(schemas[name], link),
                json.dumps(message["examples"][0]["payload"], indent=2, ensure_ascii=False),
            )
        )  # fmt: skip
    return found


def parts(document: Schema, link: Link = str) -> list[Part]:
    """The objects that messages share, by name. Pure."""
    messages = document["components"]["messages"]
    return [
        Part(name, schema["description"], _fields(schema, link))
        for name, schema in sorted(document["components"]["schemas"].items())
        if name not in messages
    ]


def render(document: Schema) -> str:
    """The page of the docs. Pure."""

    def link(name: str) -> str:
        return f"[{name}](#{name.lower()})"

    found = topics(document, link)
    lines = [_HEAD, "## The topics\n| topic | holds |\n|---|---|"]
    lines += [f"| [`{one.address}`](#{_anchor(one.address)}) | {one.summary} |" for one in found]
    for one in found:
        lines += [
            "", f"## {one.address}", f"{one.summary[0].upper()}{one.summary[1:]}. {one.description}", "",
            "| message | key | partitions | kept |", "|---|---|---|---|",
            f"| `{one.message}` | {one.key} | {one.partitions} | {one.kept} |", "", one.about, "", *_table(one.fields), "",
            "```json", one.example, "```",
        ]  # fmt: skip
    lines += ["", "## Objects in messages"]
    for part in parts(document, link):
        lines += ["", f"### {part.name}", part.about, "", *_table(part.fields)]
    return "\n".join(lines) + "\n"


def _table(fields: Iterable[Field]) -> Iterator[str]:
    yield "| field | type | default | meaning |"
    yield "|---|---|---|---|"
    for one in fields:
        default = "must be there" if one.default is None else f"`{one.default}`"
        yield f"| `{one.name}` | {one.type} | {default} | {one.meaning} |"


def _fields(schema: Schema, link: Link) -> tuple[Field, ...]:
    return tuple(
        Field(
            name, _type(field, link), json.dumps(field["default"]) if "default" in field else None, field["description"]
        )
        for name, field in schema["properties"].items()
    )


def _type(field: Schema, link: Link) -> str:
    if "$ref" in field:
        return link(field["$ref"].rsplit("/", 1)[-1])
    if "anyOf" in field:
        return " or ".join(_type(one, link) for one in field["anyOf"])
    if "enum" in field:
        return ", ".join(f"`{one}`" for one in field["enum"])
    if field["type"] == "array":
        return f"list of {_type(field['items'], link)}"
    if field["type"] == "object":
        return f"object of {_type(field['additionalProperties'], link)}"
    if field.get("format") == "date-time":
        return "time"
    return "base64" if field.get("contentEncoding") == "base64" else str(field["type"])


def _kept(kafka: Schema) -> str:
    settings = kafka["topicConfiguration"]
    days = "no end" if settings["retention.ms"] < 0 else f"{settings['retention.ms'] // DAY_MS} days"
    return f"{days}; of a key the latest, within the hour" if "compact" in settings["cleanup.policy"] else days


def _anchor(heading: str) -> str:
    """The fragment that GitHub makes of a heading."""
    return "".join(letter for letter in heading.lower() if letter.isalnum() or letter in "- ").replace(" ", "-")
