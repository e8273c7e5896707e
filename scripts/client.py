"""Write the parts of the Python client that the table of operations decides: its shapes and its methods.

    python scripts/client.py

`modules()` gives each file's text by its name under src/mailwright/client; a test compares. The client is to work where no
server's dependencies are, so it gets copies of the contract's types, and never imports the contract.
Shapes of answers are lenient, since the API grows: closed sets are plain text there. What is asked is strict.
"""

from __future__ import annotations

import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec
from msgspec import inspect

from mailwright.contract.operations import OPERATIONS, Answer, Operation

ROOT = Path(__file__).resolve().parents[1]
CLIENT = ROOT / "src" / "mailwright" / "client"
MADE = "Written by scripts/client.py from the table of operations. Change the table, then `make docs`."
FILES = {"email": "send_email"}  # a module is never called as one of the standard library's
Made = dict[str, str]


def main() -> None:
    """Write them."""
    for name, text in modules().items():
        path = CLIENT / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")


def modules() -> Made:
    """Every file, by its name under the client's folder."""
    groups: dict[str, list[Operation[Any, Any]]] = defaultdict(list)
    for one in OPERATIONS:
        groups[one.group].append(one)
    shapes, found = Shapes(), Made()
    for waits, folder in ((False, "blocking"), (True, "awaiting")):
        for group, rows in groups.items():
            found[f"{folder}/{_file(group)}.py"] = "\n".join(_methods(group, rows, shapes, waits))
        found[f"{folder}/__init__.py"] = "\n".join(_all_groups(folder, list(groups), waits))
    found.update(shapes.modules())
    return _formatted(found)


def _file(group: str) -> str:
    return FILES.get(group, group)


def _formatted(found: Made) -> Made:
    """As ruff writes it, so that formatting the tree changes nothing."""
    ruff = Path(sys.executable).with_name("ruff")
    done: Made = {}
    for name, text in found.items():
        for step in (("check", "--select", "I,F401", "--fix-only", "-q"), ("format", "-q")):
            command = [str(ruff), *step, "--stdin-filename", str(CLIENT / name), "-"]
            text = subprocess.run(command, input=text, capture_output=True, text=True, check=True, cwd=ROOT).stdout
        done[name] = text
    return done


# --- shapes ---------------------------------------------------------------------------------------------------------------


class Shapes:
    """The types that have been asked for, and the module that each of them goes to."""

    def __init__(self) -> None:
        self._made: dict[str, dict[str, str]] = defaultdict(dict)
        self._imports: dict[str, set[str]] = defaultdict(set)

    def output(self, kind: Any) -> str:
        """A type as answers have it."""
        return self._text(inspect.type_info(kind), strict=False)

    def input(self, kind: Any) -> str:
        """A type as callers may give it."""
        return self._text(inspect.type_info(kind), strict=True)

    def imports(self) -> Iterator[str]:
        """What a module of methods imports to name any of them."""
        for module, classes in self._made.items():
            yield f"from mailwright.client.shapes.{module} import {', '.join(sorted(classes))}"

    def _text(self, info: inspect.Type, *, strict: bool) -> str:
        match info:
            case inspect.Metadata(type=inner):
                return self._text(inner, strict=strict)
            case inspect.EnumType(cls=cls):
                return _literal([one.value for one in cls]) if strict else "str"
            case inspect.LiteralType(values=values):
                return _literal(values) if strict else "str"
            case inspect.VarTupleType(item_type=item) | inspect.ListType(item_type=item):
                each = self._text(item, strict=strict)
                return f"Sequence[{each}]" if strict else f"tuple[{each}, ...]"
            case inspect.DictType(key_type=key, value_type=value):
                name = "Mapping" if strict else "dict"
                return f"{name}[{self._text(key, strict=strict)}, {self._text(value, strict=strict)}]"
            case inspect.UnionType(types=types):
                return _union(self._text(one, strict=strict) for one in types)
            case inspect.StructType():
                return self._struct(info, strict=strict)
        return _simple(info, strict=strict)

    def _struct(self, info: inspect.StructType, *, strict: bool) -> str:
        origin = getattr(info.cls, "__origin__", info.cls)
        arguments = getattr(info.cls, "__args__", ())
        name, module = origin.__name__, origin.__module__.rpartition(".")[2]
        if name not in self._made[module]:
            self._made[module][name] = ""  # it is being made: a struct may hold itself
            self._made[module][name] = self._page() if arguments else self._class(name, module, info, strict=strict)
        if arguments:
            return f"{name}[{', '.join(self.output(one) for one in arguments)}]"
        return name

    def _page(self) -> str:
        return (
            'class Page(Struct, Generic[T], frozen=True):\n    """A part of a list."""\n\n'
            "    items: tuple[T, ...]\n    next_cursor: str | None = None\n"
            '    """Give it as `after` to read on; None: there is nothing more."""\n'
        )

    def _class(self, name: str, module: str, info: inspect.StructType, *, strict: bool) -> str:
        renamed = {one.name: one.encode_name for one in info.fields if one.name != one.encode_name}
        rename = f", rename={renamed!r}" if renamed else ""
        lines = [f"class {name}(Struct, frozen=True, kw_only=True{rename}):", f'    """{info.cls.__doc__}"""', ""]
        for one in info.fields:
            kind = self._text(one.type, strict=strict)
            lines.append(f"    {one.name}: {kind}{_default(one)}")
            told = _sentence(one.type).replace(", in base64", "") if kind == "bytes" else _sentence(one.type)
            lines.append(f'    """{told}"""')
        return "\n".join(lines) + "\n"

    def modules(self) -> Made:
        """The files."""
        found = {"shapes/__init__.py": f'"""What the API takes and gives, as types.\n\n{MADE}\n"""\n'}
        for module, classes in self._made.items():
            others = "\n".join(
                f"from mailwright.client.shapes.{other} import {name}"
                for other, names in self._made.items()
                if other != module
                for name in names
            )
            head = f'"""Types of {module}.\n\n{MADE}\n"""\n\n'
            basics = (
                "from __future__ import annotations\n\nfrom collections.abc import Mapping, Sequence\nfrom typing import Any, "
                "Generic, Literal, TypeVar\n\nfrom msgspec import Struct, field\n"
            )
            variable = '\nT = TypeVar("T")\n' if module == "page" else ""
            found[f"shapes/{module}.py"] = "\n".join((head, basics, others, variable, "\n\n".join(classes.values())))
        return found


def _union(kinds: Iterable[str]) -> str:
    # In an order of our own, None last: the order of a set of types is another in each run.
    return " | ".join(sorted(set(kinds), key=lambda one: (one == "None", one)))


def _literal(values: Iterable[Any]) -> str:
    return f"Literal[{', '.join(repr(str(one)) for one in values)}]".replace("'", '"')


def _simple(info: inspect.Type, *, strict: bool) -> str:
    names: dict[type, str] = {
        inspect.AnyType: "Any",
        inspect.NoneType: "None",
        inspect.BoolType: "bool",
        inspect.IntType: "int",
        inspect.FloatType: "float",
        inspect.StrType: "str",
        inspect.BytesType: "bytes",
        inspect.DateTimeType: "datetime | str" if strict else "str",
    }
    if isinstance(info, inspect.CustomType) and info.cls is msgspec.UnsetType:
        return "UnsetType"
    return names[type(info)]


def _default(one: inspect.Field) -> str:
    if one.default_factory is not msgspec.NODEFAULT:
        return f" = field(default_factory={one.default_factory.__name__})"
    if one.default is msgspec.NODEFAULT:
        return ""
    return f" = {str(one.default)!r}" if isinstance(one.default, str) else f" = {one.default!r}"


def _sentence(info: inspect.Type) -> str:
    while isinstance(info, inspect.Metadata):
        text = (info.extra_json_schema or {}).get("description")
        if text:
            return str(text).replace('"', "'")
        info = info.type
    return ""


# --- methods --------------------------------------------------------------------------------------------------------------


def _methods(group: str, rows: list[Operation[Any, Any]], shapes: Shapes, waits: bool) -> Iterator[str]:
    lines = [line for row in rows for line in _method(row, shapes, waits)]
    yield f'"""{"Asynchronous" if waits else "Blocking"} calls: {group}.\n\n{MADE}\n"""\n'
    yield "from __future__ import annotations\n"
    yield "from collections.abc import AsyncIterator, Iterator, Mapping, Sequence\nfrom datetime import datetime"
    yield "from typing import Any, Literal\n"
    yield "from msgspec import UNSET, UnsetType\n"
    yield "from mailwright.client.calling import Call, Content, body, given, once, part"
    yield "from mailwright.client.async_line import AsyncLine\nfrom mailwright.client.line import Line"
    yield "from mailwright.client.pages import AsyncPages, Pages"
    yield from shapes.imports()
    kind = "AsyncLine" if waits else "Line"
    yield f'\n\nclass {_class(group, waits)}:\n    """Operations on {group}."""\n'
    yield f"    def __init__(self, line: {kind}) -> None:\n        self._line = line\n"
    yield from lines


def _class(group: str, waits: bool) -> str:
    return ("Async" if waits else "") + group.capitalize()


def _all_groups(folder: str, groups: list[str], waits: bool) -> Iterator[str]:
    kind, module = ("AsyncLine", "async_line") if waits else ("Line", "line")
    yield f'"""Every operation, {"asynchronous" if waits else "blocking"}, by noun.\n\n{MADE}\n"""\n'
    yield "from __future__ import annotations\n"
    yield f"from mailwright.client.{module} import {kind}"
    for group in groups:
        yield f"from mailwright.client.{folder}.{_file(group)} import {_class(group, waits)}"
    yield '\n\nclass Operations:\n    """The nouns."""\n'
    yield f"    def __init__(self, line: {kind}) -> None:"
    for group in groups:
        yield f"        self.{group} = {_class(group, waits)}(line)"


def _method(row: Operation[Any, Any], shapes: Shapes, waits: bool) -> Iterator[str]:
    fields = {one.name: one for one in msgspec.structs.fields(row.input)}
    listing = row.answer is Answer.JSON and row.method == "GET" and "after" in fields and not row.waits
    name, verb = row.name.partition(".")[2], "async def" if waits and not listing else "def"
    if row.answer is Answer.STREAM:
        kind = "AsyncIterator[Event]" if waits else "Iterator[Event]"
        yield from _one(row, name, "def", kind, "self._line.follow(call)", shapes, waits)
        return
    back, act = _answer(row, shapes, listing, waits)
    yield from _one(row, name, verb, back, act, shapes, waits)
    if row.waits:
        kind = "AsyncIterator[Event]" if waits else "Iterator[Event]"
        yield from _one(row, "poll", "def", kind, "self._line.poll(call)", shapes, waits)


def _answer(row: Operation[Any, Any], shapes: Shapes, listing: bool, waits: bool) -> tuple[str, str]:
    wait = "await " if waits else ""
    if row.answer is Answer.NOTHING:
        return "None", f"{wait}self._line.nothing(call)"
    if row.answer is Answer.CONTENT:
        return "Content", f"{wait}self._line.content(call)"
    kind = shapes.output(row.output)
    if listing:
        return f"{'Async' if waits else ''}Pages[{kind[5:-1]}]", f"self._line.pages(call, {kind})"
    return kind, f"{wait}self._line.ask(call, {kind})"


def _one(row: Operation[Any, Any], name: str, verb: str, back: str, act: str, shapes: Shapes, waits: bool) -> Iterator[str]:
    fields = {one.name: one for one in msgspec.structs.fields(row.input)}
    others = [one for one in fields.values() if one.name not in row.path_fields]
    others = sorted(others, key=lambda one: not one.required)
    parameters = ["self", *(f"{one}: str" for one in row.path_fields)]
    named = [_parameter(one, shapes) for one in others]
    if row.repeatable:
        named.append("idempotency_key: str | None = None")
    if named:
        parameters += ["*", *named]
    yield f"    {verb} {name}({', '.join(parameters)}) -> {back}:"
    more = " Without an end: it waits at the server, and goes on where it was." if name == "poll" else ""
    yield f'        """{row.summary}.{more}"""'
    yield f"        call = {_call(row, others, name)}"
    yield f"        {'' if back == 'None' else 'return '}{act}\n"


def _parameter(one: msgspec.structs.FieldInfo, shapes: Shapes) -> str:
    kind = shapes.input(one.type)
    if one.required:
        return f"{one.name}: {kind}"
    if one.default is msgspec.UNSET:
        return f"{one.name}: {_union([*kind.split(' | '), 'UnsetType'])} = UNSET"  # null means something of its own
    return f"{one.name}: {kind if 'None' in kind.split(' | ') else kind + ' | None'} = None"


def _call(row: Operation[Any, Any], others: list[msgspec.structs.FieldInfo], name: str) -> str:
    path = "/".join(f"{{part({one[1:-1]})}}" if one.startswith("{") else one for one in row.path.split("/"))
    arguments = [f'"{row.method}"', f'f"{path}"' if row.path_fields else f'"{path}"']
    ordinary = {one.encode_name: one.name for one in others if one.default is not msgspec.UNSET}
    nullable = {one.encode_name: one.name for one in others if one.default is msgspec.UNSET}
    if name == "poll":
        ordinary["wait"] = "30 if wait is None else wait"
    said = ", ".join(_mapping(one) for one in (ordinary, nullable) if one or one is ordinary)
    if row.method in ("POST", "PATCH", "PUT"):
        arguments.append(f"body=body({said})")
    elif others:
        arguments.append(f"query=given({said})")
    if row.repeatable:
        arguments.append("once=once(idempotency_key)")
    if row.waits:
        arguments.append("wait=30 if wait is None else wait" if name == "poll" else "wait=wait or 0")
    return f"Call({', '.join(arguments)})"


def _mapping(names: dict[str, str]) -> str:
    return "{" + ", ".join(f'"{told}": {name}' for told, name in names.items()) + "}"


if __name__ == "__main__":
    main()
