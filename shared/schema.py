"""JSON Schemas of the events and one AsyncAPI 3.0 document, generated from `shared.events` and `shared.topics`.

They are written to `docs/schemas` for consumers in other languages; a test keeps them in step with the code.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_type_hints

import msgspec

from shared import events
from shared.errors import AdrwatchError
from shared.events import (
    SCHEMA_VERSION,
    Alert,
    ChannelState,
    Closure,
    Concept,
    DeadLetter,
    Deletion,
    Event,
    Forgotten,
    Measure,
    Mention,
    Notice,
    Notification,
    Notified,
    Outcome,
    OwnName,
    Pair,
    Position,
    Post,
    Published,
    Span,
    Table,
    Terms,
    TextsForgotten,
    derived_id,
    encode,
    mention_id,
)
from shared.topics import TOPICS, Topic

ASYNCAPI_FILE = "asyncapi.json"
DIALECT = "https://json-schema.org/draft/2020-12/schema"
_PREFIX = "adr"

_POSTED = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
_SEEN = datetime(2026, 3, 2, 9, 30, 2, tzinfo=UTC)
_BUCKET = datetime(2026, 3, 2, 9, tzinfo=UTC)
_DRUG = Concept("DB01104", "sertraline")
_REACTION = Concept("HP:0002018", "Nausea")
_POST = "bluesky:3kexample"
_TERMS = Terms(case_export=False)
_AUTHOR = "9f2c4b7de1a05836c7d4e2f1908ab3c5"

_ALERT = Alert(
    id=derived_id(_DRUG.id, _REACTION.id, _BUCKET.isoformat()),
    kind="disproportionality",
    drug=_DRUG,
    reaction=_REACTION,
    episode=_BUCKET,
    evaluated_at=datetime(2026, 3, 2, 10, tzinfo=UTC),
    rules=("ic025",),
    rule_version="1-5c0c6598",
    examples=(_POST,),
    window_hours=24,
    table=Table(16, 28, 15, 3297),
    authors=15,
    measures={"ic": Measure(4.186, 3.393, 4.68), "ebgm": Measure(None)},
    overrides=("preset=umc", "policy.rules=ic025"),
)

# One example of every event, the same post all the way; invented.
EXAMPLES: tuple[Event, ...] = (
    Post(
        terms=_TERMS,
        id=_POST,
        source="bluesky",
        text="@USER day two on sertraline and the nausea is awful",
        created_at=_POSTED,
        ingested_at=_SEEN,
        author=_AUTHOR,
        language="en",
    ),
    Deletion(
        id=_POST,
        deleted_at=datetime(2026, 3, 5, 18, 0, tzinfo=UTC),
        requested_at=datetime(2026, 3, 5, 17, 59, 59, tzinfo=UTC),
        asked_by="network",
    ),
    Forgotten(
        post=derived_id(_POST),
        store="windows",
        requested_at=datetime(2026, 3, 5, 17, 59, 59, tzinfo=UTC),
        forgotten_at=datetime(2026, 3, 5, 18, 0, 1, tzinfo=UTC),
        asked_by="network",
    ),
    Outcome(
        terms=_TERMS,
        post_id=_POST,
        status="mentions:1",
        created_at=_POSTED,
        model_version="2026.2",
        author=_AUTHOR,
        fingerprint="51c0a7be92d3f846",
        probability=0.94,
        pairs=(Pair(_DRUG, _REACTION),),
    ),
    Mention(
        terms=_TERMS,
        id=mention_id(_POST, Span(17, 27), Span(36, 42)),
        post_id=_POST,
        created_at=_POSTED,
        drug=_DRUG,
        reaction=_REACTION,
        drug_span=Span(17, 27),
        reaction_span=Span(36, 42),
        score=0.91,
        model_version="2026.2",
        author=_AUTHOR,
        fingerprint="51c0a7be92d3f846",
    ),
    _ALERT,
    Closure(
        id=derived_id(_DRUG.id, _REACTION.id, _BUCKET.isoformat()),
        drug=_DRUG,
        reaction=_REACTION,
        evidence_until=datetime(2026, 3, 2, 10, tzinfo=UTC),
        closed_at=datetime(2026, 3, 9, 14, 30, tzinfo=UTC),
    ),
    DeadLetter(
        id=f"{_PREFIX}.posts:2:1204:screen",
        reason="schema",
        detail="not a Post: Object missing required field `text`",
        stage="screen",
        topic=f"{_PREFIX}.posts",
        partition=2,
        offset=1204,
        occurred_at=_SEEN,
        payload=b'{"id":"bluesky:3kexample"}',
        key=_POST.encode(),
    ),
    Notified(
        channel="desk",
        alert_id=_ALERT.id,
        change="new",
        outcome="delivered",
        content="b1946ac92492d2347c62",
        known=True,
        offset=17,
        notified_at=_SEEN,
        drug=_DRUG,
        reaction=_REACTION,
        reports=16,
    ),
    ChannelState(channel="desk", began=0, digest_from=12, error="HTTP 503", since=_SEEN),
    Position(
        source="bluesky",
        cursor="1772443800000000",
        reached=_POSTED,
        written_at=_SEEN,
        state="running",
        per_second=61.5,
        posts=1204,
        forgotten=TextsForgotten(_SEEN, 37, _BUCKET),
    ),
    Published(id=_POST, author=_AUTHOR),
    OwnName(name="vitamin z", kind="slang", drug=_DRUG, needs_context=True),
    Notification(
        id=derived_id("desk", _ALERT.id, "17"),
        channel="desk",
        purpose="alert",
        subject="New signal: sertraline \u2013 Nausea, 16 reports",
        notices=(
            Notice(
                id=derived_id("desk", _ALERT.id, "17"),
                change="new",
                alert_id=_ALERT.id,
                drug=_DRUG,
                reaction=_REACTION,
                alert=msgspec.structs.replace(_ALERT, examples=()),
            ),
        ),
    ),
)
# What has a schema of its own: the message of every topic, and what notification channels receive.
KINDS: tuple[type[Event], ...] = (*(topic.event for topic in TOPICS), Notification)


def json_schema(kind: type[Event]) -> dict[str, Any]:
    """The JSON Schema (2020-12) of an event. Unknown fields are allowed, as `decode` allows them."""
    definitions = _components([kind], "#/$defs/{name}")
    body = definitions.pop(kind.__name__)
    body["examples"] = [json.loads(encode(example)) for example in EXAMPLES if type(example) is kind]
    result = {"$schema": DIALECT, "$id": _file(kind), **body}
    return result | {"$defs": definitions} if definitions else result


def asyncapi() -> dict[str, Any]:
    """The AsyncAPI 3.0 document: every topic a channel with its message, key and broker settings."""
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
        "channels": {topic.suffix: _channel(topic) for topic in TOPICS},
        "operations": {
            f"receive-{topic.suffix}": {
                "action": "receive",
                "channel": {"$ref": f"#/channels/{topic.suffix}"},
                "summary": f"Subscribe to {topic.summary}.",
            }
            for topic in TOPICS
        },
        "components": {
            "messages": {kind.__name__: _message(kind) for kind in kinds},
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
        for field, hint in get_type_hints(getattr(events, name)).items():
            if hint is datetime:
                schema["properties"][field]["format"] = "date-time"
    return schemas


def _file(kind: type[Event]) -> str:
    words = "".join(f"-{letter.lower()}" if letter.isupper() else letter for letter in kind.__name__)
    return f"{words.removeprefix('-')}.schema.json"


def _message(kind: type[Event]) -> dict[str, Any]:
    return {
        "name": kind.__name__,
        "title": kind.__name__,
        "contentType": "application/json",
        "payload": {"$ref": f"#/components/schemas/{kind.__name__}"},
        "bindings": {"kafka": {"key": {"type": "string"}, "bindingVersion": "0.5.0"}},
        "examples": [{"payload": json.loads(encode(example))} for example in EXAMPLES if type(example) is kind],
    }


def _channel(topic: Topic) -> dict[str, Any]:
    config = topic.config()
    return {
        "address": topic.name(_PREFIX),
        "summary": topic.summary,
        "messages": {topic.event.__name__: {"$ref": f"#/components/messages/{topic.event.__name__}"}},
        "bindings": {
            "kafka": {
                "topic": topic.name(_PREFIX),
                "partitions": topic.partitions,
                "topicConfiguration": {
                    "cleanup.policy": config["cleanup.policy"].split(","),
                    "retention.ms": int(config["retention.ms"]),
                },
                "bindingVersion": "0.5.0",
            }
        },
    }
