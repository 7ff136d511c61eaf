"""The AsyncAPI document of the topics as a page for people: docs/topics.md."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
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


def render(document: Schema) -> str:
    """The page: every channel of an AsyncAPI 3.0 document of `shared.schema`, then the objects that messages share. Pure."""
    schemas, messages = document["components"]["schemas"], document["components"]["messages"]
    parts = [_HEAD, "## The topics\n| topic | holds |\n|---|---|"]
    parts += [
        f"| [`{channel['address']}`](#{_anchor(channel['address'])}) | {channel['summary']} |"
        for channel in document["channels"].values()
    ]
    for channel in document["channels"].values():
        [name] = channel["messages"]
        parts += ["", *_topic(channel, messages[name], schemas[name])]
    parts += ["", "## Objects in messages"]
    for name, schema in sorted(schemas.items()):
        if name not in messages:
            parts += ["", f"### {name}", schema["description"], "", *_fields(schema)]
    return "\n".join(parts) + "\n"


def _topic(channel: Schema, message: Schema, schema: Schema) -> Iterator[str]:
    kafka = channel["bindings"]["kafka"]
    yield f"## {channel['address']}"
    yield f"{channel['summary'][0].upper()}{channel['summary'][1:]}. {channel['description']}"
    yield ""
    yield "| message | key | partitions | kept |"
    yield "|---|---|---|---|"
    key = message["bindings"]["kafka"]["key"]["description"]
    yield f"| `{message['name']}` | {key} | {kafka['partitions']} | {_kept(kafka)} |"
    yield ""
    yield schema["description"]
    yield ""
    yield from _fields(schema)
    yield ""
    yield "```json"
    yield json.dumps(message["examples"][0]["payload"], indent=2, ensure_ascii=False)
    yield "```"


def _fields(schema: Schema) -> Iterator[str]:
    yield "| field | type | default | meaning |"
    yield "|---|---|---|---|"
    for name, field in schema["properties"].items():
        default = f"`{json.dumps(field['default'])}`" if "default" in field else "must be there"
        yield f"| `{name}` | {_type(field)} | {default} | {field['description']} |"


def _type(field: Schema) -> str:
    if "$ref" in field:
        name = field["$ref"].rsplit("/", 1)[-1]
        return f"[{name}](#{name.lower()})"
    if "anyOf" in field:
        return " or ".join(_type(one) for one in field["anyOf"])
    if "enum" in field:
        return ", ".join(f"`{one}`" for one in field["enum"])
    if field["type"] == "array":
        return f"list of {_type(field['items'])}"
    if field["type"] == "object":
        return f"object of {_type(field['additionalProperties'])}"
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
