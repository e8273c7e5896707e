"""How the table of verbs is made from the table of operations. Only scripts/docs.py and tests import this.

What stands in the path is an argument, and so is the one field that says what is to be made; all else is an option.
"""

from __future__ import annotations

from typing import Any, get_origin

import msgspec
from msgspec import inspect

from mailwright.commands.verbs.table import Parameter, Verb
from mailwright.contract.operations import OPERATIONS, Operation
from mailwright.contract.resources.page import Page

SUBJECTS = {
    "domains.add": "domain",
    "email.reply": "message_id",
    "identity.verify": "raw",
    "mailboxes.create": "address",
}  # where it is not the first required field of what is made
FIRST = ("to", "subject", "text")  # what is written most often stands first in the help
KINDS = {("messages", "attachments"): "files", ("email", "attachments"): "files", ("identity", "message"): "file"}
CHOSEN = {("mailboxes.create", "address")}  # the server chooses one where it is left out
LEFT_OUT = {("domains.add", "name")}  # another word for `domain`


def render() -> bytes:
    """The file's content."""
    lines = (msgspec.json.encode(verb(one)) for one in OPERATIONS)
    return b"[\n" + b",\n".join(lines) + b"\n]\n"


def verb(one: Operation[Any, Any]) -> Verb:
    """The verb of an operation."""
    return Verb(
        operation=one.name,
        command=one.command,
        summary=one.summary,
        method=one.method,
        path=one.path,
        answer=one.answer.value,
        parameters=tuple(_parameters(one)),
        notes=one.notes,
        paged=get_origin(one.output) is Page and one.method == "GET",
        repeatable=one.repeatable,
        destructive=one.destructive,
    )


def _parameters(one: Operation[Any, Any]) -> list[Parameter]:
    fields = {field.encode_name: field for field in inspect.type_info(one.input).fields}  # type: ignore[attr-defined]
    in_path = list(one.path_fields)
    rest = [name for name in fields if name not in in_path and (one.name, name) not in LEFT_OUT]
    subject = _subject(one, fields, rest)
    arguments = in_path + [name for name in rest if name == subject]
    place = "body" if one.method in ("POST", "PATCH", "PUT") else "query"
    options = [name for name in rest if name != subject]
    ordered = arguments + sorted(options, key=lambda name: FIRST.index(name) if name in FIRST else len(FIRST))
    demanded = {name for name in arguments if (one.name, name) not in CHOSEN}
    return [
        _parameter(
            one, fields[name], "path" if name in in_path else place, argument=name in arguments, demanded=name in demanded
        )
        for name in ordered
    ]


def _subject(one: Operation[Any, Any], fields: dict[str, inspect.Field], names: list[str]) -> str | None:
    if one.name in SUBJECTS:
        return SUBJECTS[one.name]
    if one.status != 201:
        return None
    return next((name for name in names if fields[name].required), None)


def _parameter(one: Operation[Any, Any], field: inspect.Field, place: str, *, argument: bool, demanded: bool) -> Parameter:
    text, arms = _unwrapped(field.type)
    several = any(isinstance(arm, inspect.VarTupleType) for arm in arms)
    nullable = any(isinstance(arm, inspect.NoneType) for arm in arms)
    arm = next(arm for arm in arms if not isinstance(arm, inspect.NoneType))
    if several:
        listed = next(arm for arm in arms if isinstance(arm, inspect.VarTupleType))
        arm = _unwrapped(listed.item_type)[1][0]
    kind, choices = _kind(arm)
    return Parameter(
        name=field.encode_name,
        place=place,
        kind=KINDS.get((one.group, field.encode_name), kind),
        help=text + _default(field),
        argument=argument,
        several=several,
        required=field.required or demanded,
        clears=nullable and not field.required and field.default is field.default_factory is msgspec.NODEFAULT,
        choices=choices,
    )


def _unwrapped(kind: inspect.Type) -> tuple[str, list[inspect.Type]]:
    """The sentence about a field, and what it may be."""
    text = ""
    while isinstance(kind, inspect.Metadata):
        text = text or (kind.extra_json_schema or {}).get("description", "")
        kind = kind.type
    arms = list(kind.types) if isinstance(kind, inspect.UnionType) else [kind]
    bare = []
    for arm in arms:
        while isinstance(arm, inspect.Metadata):
            text = text or (arm.extra_json_schema or {}).get("description", "")
            arm = arm.type
        bare.append(arm)
    return text, bare


def _kind(arm: inspect.Type) -> tuple[str, tuple[str, ...]]:
    match arm:
        case inspect.EnumType():
            return "choice", tuple(one.value for one in arm.cls)
        case inspect.LiteralType():
            return "choice", tuple(map(str, arm.values))
        case inspect.BoolType():
            return "boolean", ()
        case inspect.IntType():
            return "integer", ()
        case inspect.DateTimeType():
            return "time", ()
        case inspect.DictType():
            return "map", ()
        case inspect.StrType():
            return "text", ()
        case _:
            return "json", ()


def _default(field: inspect.Field) -> str:
    default = field.default
    if default in (None, msgspec.NODEFAULT, "", (), False) or field.encode_name == "wait":
        return ""
    return f" Default: {default}."
