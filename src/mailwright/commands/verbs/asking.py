"""From what was typed to a request: path, query, body.

Names are taken for ids where a person knows things by name: a domain, a mailbox's address, an agent. `-` is standard input for
a text; `--attach` reads files; what has parts is JSON.
"""

from __future__ import annotations

import json
import mimetypes
import sys
from base64 import b64encode
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import typer

from mailwright.client.calling import Call, body, once, part
from mailwright.commands import given
from mailwright.commands.verbs.calling import Server, new_idempotency_key, say
from mailwright.commands.verbs.table import Parameter, Verb

# By which field of which list a thing of that kind is known: prefix of its ids, the list, the name's field.
NAMED = {
    "domain_id": ("dom_", "/v1/domains", "domain"),
    "mailbox_id": ("mbx_", "/v1/mailboxes", "address"),
    "agent_id": ("agt_", "/v1/agents", "name"),
}
TAKE_NAMES = ("email.send", "email.reply", "identity.public_key")  # what an agent is called is told to the server
TEXTS = ("text", "html")  # those that `-` reads from standard input
MAX_PAGES = 1000


def request(verb: Verb, typed: dict[str, Any], server: Server, idempotency_key: str | None) -> Call:
    """The request that was typed. Stops where a value can't be one."""
    values = {one.name: value for one in verb.parameters if (value := _value(one, typed.get(one.name))) is not None}
    for name in NAMED.keys() & values.keys():
        if verb.operation not in TAKE_NAMES:
            values[name] = resolved(server, name, values[name])
    cleared = {one.name: None for one in verb.parameters if one.clears and typed.get(one.name) == ""}
    places = {one.name: one.place for one in verb.parameters}
    path, has_body = verb.path, verb.method in ("POST", "PATCH", "PUT")
    for name, place in places.items():
        if place == "path":
            path = path.replace(f"{{{name}}}", _part(values.pop(name)))
    query = {name: value for name, value in values.items() if places[name] == "query"}
    fields = {name: value for name, value in values.items() if places[name] == "body"}
    try:
        urlencode(query, doseq=True)
        written = body(fields, cleared) if has_body else None
    except UnicodeEncodeError:  # a byte that Python could not decode
        given.stop("what was typed is not all UTF-8")
    return Call(
        verb.method,
        path,
        query=query,
        body=written,
        once=_once(idempotency_key) if verb.repeatable else None,
        wait=float(values.get("wait", 0)) if places.get("wait") == "query" else 0.0,
    )


def _part(value: str) -> str:
    try:
        return part(value)
    except UnicodeEncodeError:
        given.stop("what was typed is not all UTF-8")
    except ValueError as wrong:
        given.stop(wrong)


def _once(key: str | None) -> str:
    try:
        return once(new_idempotency_key() if key is None else key)
    except ValueError as wrong:
        given.stop(wrong)


def resolved(server: Server, field: str, value: str) -> str:
    """The id of what is called so; what is an id already stays."""
    prefix, path, name = NAMED[field]
    if value.startswith(prefix) and "." not in value and "@" not in value:
        return value
    after: str | None = None
    for _ in range(MAX_PAGES):
        page = server.json(Call("GET", path, {"limit": 200}).after(after))
        for one in page["items"]:
            if str(one[name]).casefold() == value.casefold():
                return str(one["id"])
        after = page["next_cursor"]
        if after is None:
            break
    say(f"there is no {field.removesuffix('_id')} {value!r} that this key may know of (not_found)")
    raise typer.Exit(1)


def _value(one: Parameter, typed: Any) -> Any:
    if typed is None or (one.several and not typed) or (one.clears and typed == ""):
        return None
    match one.kind:
        case "files":
            return [attachment(path) for path in typed]
        case "file":
            return b64encode(given.read(typed)).decode()
        case "map":
            return dict(_field(one, text) for text in typed) or None
        case "json":
            return _json(one, typed)
        case "text" if typed == "-" and one.name in TEXTS:
            return _standard_input()
        case _:
            return list(typed) if one.several else typed


def attachment(path: Path) -> dict[str, str]:
    """A file, as it travels."""
    kind, encoding = mimetypes.guess_type(path.name)
    return {
        "filename": path.name,
        "content_type": kind if kind and not encoding else "application/octet-stream",
        "content": b64encode(given.read(str(path))).decode(),
    }


def _field(one: Parameter, text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon or not name.strip():
        given.stop(f"--{_dashed(one.name.removesuffix('s'))} {text!r}: write it as 'Name: value'")
    return name.strip(), value.strip()


def _json(one: Parameter, text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as wrong:
        given.stop(f"--{_dashed(one.name)} is no JSON: {wrong}")


def _standard_input() -> str:
    if sys.stdin.isatty():
        typer.echo("Type the text; Ctrl-D on a line of its own ends it.", err=True)
    try:
        return given.read("-").decode()
    except UnicodeDecodeError as wrong:
        given.stop(f"standard input is not UTF-8 (byte {wrong.start})")


def _dashed(name: str) -> str:
    return name.replace("_", "-")
