"""JSON Schemas as a language model reads them: of what a tool takes, short; of what it gives, exact.

Standards: JSON Schema 2020-12, with an object at the root as MCP revisions before 2026-07-28 ask for.
What is left out of an input's schema (patterns, lengths that no one reaches) is checked all the same when it is called.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import msgspec

Json = dict[str, Any]
REFS = "#/$defs/{name}"
_NULL = {"type": "null"}
# For checks, not for readers: hosts pass schemas on to models whose dialects know few of these.
_NOT_SHOWN = frozenset({"title", "pattern", "propertyNames", "maxLength", "minLength", "maxItems", "contentEncoding"})


def input_schema(kind: type[msgspec.Struct], *, without: Collection[str] = (), optional: Collection[str] = ()) -> Json:
    """What a tool takes: references resolved, optional fields simply optional. `without` fields are not mentioned."""
    (root,), components = msgspec.json.schema_components([kind], ref_template=REFS)
    schema: Json = _plain(root, components)
    shown = {name: field for name, field in schema["properties"].items() if name not in without}
    required = [name for name in schema.get("required", ()) if name in shown and name not in optional]
    told: Json = {"type": "object", "properties": shown, "additionalProperties": False}
    return told | ({"required": required} if required else {})


def _plain(schema: Any, components: Json) -> Any:
    if isinstance(schema, list):
        return [_plain(one, components) for one in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return _plain(components[schema["$ref"].rpartition("/")[2]], components)
    if "properties" in schema:
        fields = {name: _plain(field, components) for name, field in schema["properties"].items()}
        return {**{name: value for name, value in schema.items() if name not in _NOT_SHOWN}, "properties": fields}
    told = {name: _plain(value, components) for name, value in schema.items() if name not in _NOT_SHOWN}
    if not told.get("default", True):
        del told["default"]
    options = [one for one in told.get("anyOf", ()) if one != _NULL]
    # One or several: a list is enough to know of, and simpler.
    options = [one for one in options if one.get("type") == "array"] or options
    if len(options) == 1:
        del told["anyOf"]
        told = options[0] | told
    if "enum" in told and "type" not in told:
        told["type"] = "string"
    return told


def output_schema(kind: Any) -> Json:
    """What a tool gives, with its parts under `$defs`."""
    (root,), components = msgspec.json.schema_components([kind], ref_template=REFS)
    name = root["$ref"].rpartition("/")[2]
    parts = {one: _untitled(schema) for one, schema in components.items()}
    top: Json = parts.pop(name)
    return top | ({"$defs": parts} if parts else {})


def _untitled(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_untitled(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    if "properties" in schema:
        fields = {name: _untitled(field) for name, field in schema["properties"].items()}
        return {**{name: value for name, value in schema.items() if name != "title"}, "properties": fields}
    return {name: _untitled(value) for name, value in schema.items() if name not in ("title", "examples")}
