"""JSON Schemas of the events and one AsyncAPI 3.0 document, generated from `shared.events` and `shared.topics`.

They are written to `docs/schemas` for consumers in other languages; a test keeps them in step with the code.
"""

from __future__ import annotations

import functools
import inspect
import json
import tomllib
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, get_args, get_type_hints

import msgspec

from shared import events
from shared.errors import AdrwatchError
from shared.events import (
    SCHEMA_VERSION,
    Event,
    Notification,
    encode,
)
from shared.examples import EXAMPLES
from shared.topics import PREFIX, TOPICS, Topic

ASYNCAPI_FILE = "asyncapi.json"
DIALECT = "https://json-schema.org/draft/2020-12/schema"
_MEANINGS = Path(__file__).with_name("meanings.toml")

# What has a schema of its own: the message of every topic, and what notification channels receive.
KINDS: tuple[type[Event], ...] = (*(topic.event for topic in TOPICS), Notification)


def json_schema(kind: type[Event]) -> dict[str, Any]:
    """The JSON Schema (2020-12) of an event. Unknown fields are allowed, as `decode` allows them."""
    definitions = _components([kind], "#/$defs/{name}")
    body = definitions.pop(kind.__name__)
    body["examples"] = [json.loads(encode(example)) for example in EXAMPLES if type(example) is kind]
    result = {"$schema": DIALECT, "$id": _file(kind), **body}
    return result | {"$defs": definitions} if definitions else result


def asyncapi(prefix: str = PREFIX) -> dict[str, Any]:
    """The AsyncAPI 3.0 document: every topic, named with a prefix, a channel with its message, key and broker settings."""
    kinds = [topic.event for topic in TOPICS]
    components = _components(kinds, "#/components/schemas/{name}")
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "adrwatch",
            "version": str(SCHEMA_VERSION),
            "description": "Topics of adrwatch. `adr` is the default of ADRWATCH_TOPIC_PREFIX. A topic may repeat an id: "
            "consumers de-duplicate by it. Unknown fields are to be ignored, times are UTC with an offset.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "channels": {topic.suffix: _channel(topic, prefix) for topic in TOPICS},
        "operations": {
            f"receive-{topic.suffix}": {
                "action": "receive",
                "channel": {"$ref": f"#/channels/{topic.suffix}"},
                "summary": f"Subscribe to {topic.summary}.",
            }
            for topic in TOPICS
        },
        "components": {
            "messages": {topic.event.__name__: _message(topic) for topic in TOPICS},
            "schemas": components,
        },
    }


def generated() -> dict[str, str]:
    """File name to content, for every file of the schema folder."""
    files = {_file(kind): json_schema(kind) for kind in KINDS} | {ASYNCAPI_FILE: asyncapi()}
    return {name: json.dumps(content, indent=2, ensure_ascii=False) + "\n" for name, content in files.items()}


def write(folder: Path) -> list[Path]:
    """Write all files. Returns those that changed. Raises AdrwatchError if the folder cannot be written."""
    changed = [folder / name for name in differing(folder)]
    contents = generated()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path in changed:
            path.write_text(contents[path.name])
    except OSError as error:
        raise AdrwatchError(f"{folder} cannot be written: {error.strerror}", fix="give another folder") from None
    return changed


def differing(folder: Path) -> list[str]:
    """The names of files that are missing in the folder or differ from what the code says."""
    return [
        name
        for name, content in generated().items()
        if not (path := folder / name).is_file() or path.read_text() != content
    ]


def _components(kinds: Sequence[type[Event]], references: str) -> dict[str, Any]:
    """The schemas of the events and all they hold, by name; msgspec leaves out the format of times and the docstrings' shape."""
    _, schemas = msgspec.json.schema_components(kinds, ref_template=references)
    for name, schema in schemas.items():
        schema["description"] = inspect.cleandoc(schema["description"])
        struct = getattr(events, name)
        for field, hint in get_type_hints(struct).items():
            shape = schema["properties"][field]
            shape["description"] = meaning(struct, field)
            for kind, place in zip(get_args(hint) or (hint,), shape.get("anyOf", [shape]), strict=False):
                if kind is datetime:
                    place["format"] = "date-time"
    return schemas


def meaning(struct: type, field: str) -> str:
    """What a field means, for consumers."""
    known = _meanings()
    return next(known[kind.__name__][field] for kind in struct.__mro__ if field in known.get(kind.__name__, {}))


@functools.cache
def _meanings() -> dict[str, dict[str, str]]:
    return tomllib.loads(_MEANINGS.read_text())


def _file(kind: type[Event]) -> str:
    words = "".join(f"-{letter.lower()}" if letter.isupper() else letter for letter in kind.__name__)
    return f"{words.removeprefix('-')}.schema.json"


def _message(topic: Topic) -> dict[str, Any]:
    kind = topic.event
    return {
        "name": kind.__name__,
        "title": kind.__name__,
        "contentType": "application/json",
        "payload": {"$ref": f"#/components/schemas/{kind.__name__}"},
        "bindings": {"kafka": {"key": {"type": "string", "description": topic.key}, "bindingVersion": "0.5.0"}},
        "examples": [{"payload": json.loads(encode(example))} for example in EXAMPLES if type(example) is kind],
    }


def _channel(topic: Topic, prefix: str) -> dict[str, Any]:
    config = topic.config()
    return {
        "address": topic.name(prefix),
        "summary": topic.summary,
        "description": _meanings()["topics"][topic.suffix],
        "messages": {topic.event.__name__: {"$ref": f"#/components/messages/{topic.event.__name__}"}},
        "bindings": {
            "kafka": {
                "topic": topic.name(prefix),
                "partitions": topic.declared,
                "topicConfiguration": {
                    "cleanup.policy": config["cleanup.policy"].split(","),
                    "retention.ms": int(config["retention.ms"]),
                },
                "bindingVersion": "0.5.0",
            }
        },
    }
