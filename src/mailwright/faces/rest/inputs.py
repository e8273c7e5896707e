"""From a request to an operation's input: path, query and body become one checked value.

Unknown fields and parameters are refused, since they are typing errors that would otherwise pass in silence. A field that
is wrong is named by its path: `to[0]`, `attachments[1].content`.
"""

from __future__ import annotations

import re
from base64 import b64encode
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl

import msgspec
from starlette.types import Scope

from mailwright.contract.errors import invalid
from mailwright.contract.given import converted, from_texts
from mailwright.contract.operations import Operation
from mailwright.core.errors import InvalidInput, MalformedRequest

MAX_QUERY = 8 * 1024  # bytes
MAX_PARAMETERS = 100
_JSON = re.compile(r"application/(?:[a-z0-9.+-]+\+)?json", re.ASCII)


@dataclass(frozen=True, slots=True)
class Intake:
    """How the input of one operation is read: what stands in the path, in the query, in the body."""

    input: type[msgspec.Struct]
    path_fields: tuple[str, ...]
    body: msgspec.json.Decoder[Any] | None
    body_type: type[msgspec.Struct] | None
    path_type: type[msgspec.Struct]
    lists: frozenset[str]
    raw: str | None = None


def intake(operation: Operation[Any, Any]) -> Intake:
    """How the input of an operation is read."""
    body_type = body_of(operation)
    lists = frozenset(
        one.encode_name for one in msgspec.structs.fields(operation.input) if isinstance(one.default, tuple | list)
    )
    decoder = msgspec.json.Decoder(body_type) if body_type else None
    in_path = [(one.name, one.type) for one in msgspec.structs.fields(operation.input) if one.name in operation.path_fields]
    path_type = msgspec.defstruct(f"{operation.input.__name__}Path", in_path)
    return Intake(operation.input, operation.path_fields, decoder, body_type, path_type, lists, operation.raw)


def body_of(operation: Operation[Any, Any]) -> type[msgspec.Struct] | None:
    """The type of an operation's body: its input without what stands in the path. None where all of it is elsewhere."""
    if operation.method not in ("POST", "PATCH", "PUT"):
        return None
    return _without(operation.input, operation.path_fields)  # type: ignore[arg-type]


@lru_cache
def _without(whole: type[msgspec.Struct], names: tuple[str, ...]) -> type[msgspec.Struct]:
    if not names:
        return whole
    left = [one for one in msgspec.structs.fields(whole) if one.name not in names]
    return msgspec.defstruct(
        whole.__name__,
        [(one.name, one.type, _default(one)) for one in left],
        frozen=True,
        kw_only=True,
        forbid_unknown_fields=True,
        rename={one.name: one.encode_name for one in left if one.name != one.encode_name} or None,
        module=whole.__module__,
        namespace={"__doc__": whole.__doc__},
    )


def _default(one: msgspec.structs.FieldInfo) -> Any:
    if one.default_factory is not msgspec.NODEFAULT:
        return msgspec.field(default_factory=one.default_factory)
    return msgspec.field() if one.default is msgspec.NODEFAULT else msgspec.field(default=one.default)


def read_input(how: Intake, scope: Scope, values: tuple[str, ...], head: dict[bytes, bytes], body: bytes) -> Any:
    """The operation's input; raises MalformedRequest or InvalidInput."""
    given: dict[str, Any] = dict(zip(how.path_fields, values, strict=True))
    if how.body is None or how.body_type is None:
        given.update(_query(scope, how, how.path_fields))
        return from_texts(how.input, given)
    if how.raw is not None and _kind(head) == "message/rfc822":
        given.update(_query(scope, how, (*how.path_fields, how.raw)))
        return from_texts(how.input, {**given, how.raw: b64encode(body).decode()})
    if scope["query_string"]:
        raise InvalidInput.at("query", "this operation takes its input in the body")
    _check_type(head, body)
    try:
        decoded = how.body.decode(body or b"{}")
    except msgspec.ValidationError as wrong:
        raise invalid(wrong) from None
    except (msgspec.DecodeError, UnicodeError) as wrong:
        raise MalformedRequest(f"The body is no JSON: {wrong}.") from None
    except RecursionError:
        raise MalformedRequest("The body is nested too deeply.") from None
    if not how.path_fields:
        return decoded
    # The path's own fields are checked by their types; the others were, when the body was decoded.
    converted(how.path_type, given)
    return how.input(**given, **{name: getattr(decoded, name) for name in how.body_type.__struct_fields__})


def _check_type(head: dict[bytes, bytes], body: bytes) -> None:
    if body and b"content-type" in head and not _JSON.fullmatch(_kind(head)):
        raise MalformedRequest(f"The body is said to be {_kind(head)[:100]!r}; only application/json is read.")


def _kind(head: dict[bytes, bytes]) -> str:
    return head.get(b"content-type", b"").decode("latin-1").partition(";")[0].strip().lower()


def _query(scope: Scope, how: Intake, path_fields: tuple[str, ...]) -> dict[str, Any]:
    text: bytes = scope["query_string"]
    if not text:
        return {}
    if len(text) > MAX_QUERY:
        raise MalformedRequest(f"The query is longer than {MAX_QUERY} bytes.")
    try:
        pairs = parse_qsl(text.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=MAX_PARAMETERS)
    except ValueError:
        raise MalformedRequest("The query can't be read: percent-encode UTF-8, and give at most 100 parameters.") from None
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in path_fields:
            raise InvalidInput.at(name, "this stands in the path already")
        if name in how.lists:
            found.setdefault(name, []).append(value)
        elif name in found:
            raise InvalidInput.at(name, "this may be given once only")
        else:
            found[name] = value
    return found
