"""How an answer is shown to a person: a table for a list, `name: value` for a thing, texts below.

Not here: tables (tables.py), what a value looks like on one line (cells.py).
"""

from __future__ import annotations

from typing import Any

import typer

from mailwright.commands.verbs.cells import cell, clean, clean_text
from mailwright.commands.verbs.table import Verb
from mailwright.commands.verbs.tables import inside, listed, wide

Thing = dict[str, Any]

INNER: dict[str, tuple[str, ...]] = {
    "records": ("status", "type", "name", "expected", "why"),
    "record_checks": ("status", "type", "name", "why"),
    "dns_records": ("type", "name", "value"),
    "recipients": ("address", "status", "code", "enhanced", "text"),
    "attachments": ("attachment_id", "filename", "content_type", "size"),
}
SEVERAL = {"messages": ("timestamp", "from", "to", "subject", "status", "trust", "message_id", "text")}
TEXTS = ("text", "extracted_text", "html", "preview")  # shown below, as they are; the first one only


def show(verb: Verb, answer: Any) -> None:
    """Print an answer for a person."""
    if isinstance(answer, dict) and isinstance(answer.get("items"), list):
        show_items(verb, answer["items"])
        if answer.get("next_cursor") and verb.paged and not verb.operation.startswith("events."):
            typer.echo(f"There is more: --all, or --after {clean(answer['next_cursor'])}", err=True)
    elif isinstance(answer, dict):
        _thing(answer)
    else:
        typer.echo(clean(answer))


def show_items(verb: Verb, items: list[Thing]) -> None:
    """Print a list."""
    if not items:
        typer.echo("Nothing.", err=True)
        return
    listed(verb.operation, items)


def event_line(event: Thing) -> str:
    """An event on one line."""
    about = event.get("data") or {}
    names = ("from", "to", "recipient", "subject", "domain", "address", "reason", "code", "text", "message_id", "approval_id")
    told = [f"{name}={cell(about[name])[:100]}" for name in names if about.get(name) not in (None, "", [])]
    return "  ".join([clean(event["created_at"]), clean(event["type"]), *told])


def _thing(thing: Thing, indent: str = "") -> None:
    later: list[tuple[str, list[Thing]]] = []
    shown = {name: value for name, value in thing.items() if value not in (None, "", [], {}) and name not in TEXTS}
    width = max((len(name) for name, value in shown.items() if not _listed(value)), default=0)
    for name, value in shown.items():
        if _listed(value):
            later.append((name, value))
        else:
            typer.echo(f"{indent}{name + ':':<{width + 1}} {cell(value)}" if wide() else f"{indent}{name}: {cell(value)}")
    for name, items in later:
        typer.echo(f"\n{indent}{name}:")
        if name in SEVERAL:
            for one in items:
                typer.echo(f"{indent}--")
                _thing({part: one[part] for part in SEVERAL[name] if part in one}, indent + "  ")
        else:
            inside(items, INNER.get(name))
    text = next((thing[name] for name in TEXTS if thing.get(name)), None)
    if text:
        typer.echo("")
        typer.echo("\n".join(indent + line for line in clean_text(text).splitlines()))


def _listed(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(one, dict) for one in value) and len(value[0]) > 2
