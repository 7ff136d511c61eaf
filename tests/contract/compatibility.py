"""Which changes of a JSON Schema break a consumer, or leave messages unreadable that lie in the topics: docs/analysts.md."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

Schema = dict[str, Any]


def breaks(before: Schema, after: Schema) -> list[str]:
    """Each change between two schemas of one message that its version does not allow, by the place of the field."""
    return list(_breaks("", before, after, before, after))


def _breaks(place: str, old: Schema, new: Schema, before: Schema, after: Schema) -> Iterator[str]:
    old, new = _resolved(old, before), _resolved(new, after)
    if (was := _types(old, before)) != (now := _types(new, after)):
        yield f"{place}: the type was {was} and is {now}"
        return
    if gone := set(old.get("enum", ())) - set(new.get("enum", old.get("enum", ()))):
        yield f"{place}: {sorted(gone)} are allowed no more"
    for name in sorted(set(new.get("required", ())) - set(old.get("required", ()))):
        yield f"{place}.{name}: is required, and was not"
    for name in sorted(set(old.get("required", ())) - set(new.get("required", ()))):
        yield f"{place}.{name}: may be missing, and was always there"
    for name, field in old.get("properties", {}).items():
        if name not in new["properties"]:
            yield f"{place}.{name}: is gone"
        else:
            yield from _breaks(f"{place}.{name}", field, new["properties"][name], before, after)
    for part in ("items", "additionalProperties"):
        if isinstance(old.get(part), dict) and old[part]:
            yield from _breaks(f"{place}[]", old[part], new[part], before, after)
    for one, other in zip(_branches(old, before), _branches(new, after), strict=False):
        yield from _breaks(place, one, other, before, after)


def _resolved(schema: Schema, document: Schema) -> Schema:
    while "$ref" in schema:
        schema = document["$defs"][schema["$ref"].rsplit("/", 1)[-1]]
    return schema


def _branches(schema: Schema, document: Schema) -> list[Schema]:
    """The alternatives of a schema, in an order that does not depend on where they stand."""
    found = [_resolved(one, document) for one in schema.get("anyOf", ())]
    return sorted(found, key=lambda one: _types(one, document))


def _types(schema: Schema, document: Schema) -> str:
    """What a value is, without what it holds: an enum is its words' type."""
    if "anyOf" in schema:
        return " or ".join(_types(one, document) for one in _branches(schema, document))
    if "enum" in schema:
        return " or ".join(sorted({type(word).__name__ for word in schema["enum"]})).replace("str", "string")
    return str(schema["type"])
