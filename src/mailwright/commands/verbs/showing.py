"""How an answer is shown to a person: a table for a list, `name: value` for a thing, texts below.

On a terminal with rich, and with what does not fit one below the other; into a pipe as plain lines, columns parted by tabs and
nothing cut. What strangers wrote is shown as text: no control character of theirs reaches the terminal.
"""

from __future__ import annotations

import shutil
import sys
import unicodedata
from typing import Any

import typer

from mailwright.commands.verbs.table import Verb

Thing = dict[str, Any]

NARROW = 60  # columns of a terminal; with fewer, a table's rows are shown one below the other
ID, WHEN = "id", "created_at"
COLUMNS: dict[str, tuple[str, ...]] = {
    "domains.list": ("domain", "status", "verified_at", ID),
    "agents.list": ("name", "status", "responsible", ID),
    "mailboxes.list": ("address", "status", "oversight_mode", ID),
    "messages.list": ("timestamp", "direction", "status", "from", "to", "subject", "message_id"),
    "messages.timeline": ("at", "stage", "outcome", "reason_code", "recipient"),
    "threads.list": ("last_message_at", "message_count", "subject", "participants", ID),
    "approvals.list": (WHEN, "status", "direction", "recipients", "reasons", ID),
    "events.list": (WHEN, "type", "mailbox_id", ID),
    "webhooks.list": ("url", "status", "events", ID),
    "webhooks.deliveries": (WHEN, "status", "attempts", "response_status", "error", ID),
    "suppressions.list": ("address", "reason", WHEN, ID),
    "keys.list": ("name", "role", "hint", "last_used_at", "expires_at", ID),
    "tenants.list": ("name", WHEN, ID),
    "audit.list": ("at", "action", "actor", "subject"),
}
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
    _table(items, COLUMNS.get(verb.operation) or _scalars(items[0]))


def event_line(event: Thing) -> str:
    """An event on one line."""
    about = event.get("data") or {}
    names = ("from", "to", "recipient", "subject", "domain", "address", "reason", "code", "text", "message_id", "approval_id")
    told = [f"{name}={cell(about[name])[:100]}" for name in names if about.get(name) not in (None, "", [])]
    return "  ".join([clean(event["created_at"]), clean(event["type"]), *told])


def clean(value: object) -> str:
    """Text without control characters, and without those that turn its direction: shown, not obeyed, on one line."""
    return "".join(_safe(c) for c in str(value).replace("\r\n", " ").replace("\n", " ").replace("\t", " "))


def clean_text(value: str) -> str:
    """As `clean`; lines stay lines."""
    return "\n".join(clean(line) for line in value.splitlines())


def cell(value: Any) -> str:
    """A value on one line."""
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case list():
            return ", ".join(cell(one) for one in value)
        case dict() if "address" in value:
            return clean(value["address"])
        case dict():
            return ", ".join(f"{clean(name)}={cell(one)}" for name, one in value.items() if one not in (None, "", []))
        case _:
            return clean(value)


def _safe(c: str) -> str:
    # Cc: control characters, with them every escape sequence. Cf: among others what turns the direction of text.
    return "\N{REPLACEMENT CHARACTER}" if unicodedata.category(c) in ("Cc", "Cs") or c in _TURNING else c


_TURNING = frozenset("\u200e\u200f\u061c\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u2028\u2029")


def _thing(thing: Thing, indent: str = "") -> None:
    later: list[tuple[str, list[Thing]]] = []
    shown = {name: value for name, value in thing.items() if value not in (None, "", [], {}) and name not in TEXTS}
    width = max((len(name) for name, value in shown.items() if not _listed(value)), default=0)
    for name, value in shown.items():
        if _listed(value):
            later.append((name, value))
        else:
            typer.echo(f"{indent}{name + ':':<{width + 1}} {cell(value)}" if _wide() else f"{indent}{name}: {cell(value)}")
    for name, items in later:
        typer.echo(f"\n{indent}{name}:")
        if name in SEVERAL:
            for one in items:
                typer.echo(f"{indent}--")
                _thing({part: one[part] for part in SEVERAL[name] if part in one}, indent + "  ")
        else:
            _table(items, INNER.get(name) or _scalars(items[0]))
    text = next((thing[name] for name in TEXTS if thing.get(name)), None)
    if text:
        typer.echo("")
        typer.echo("\n".join(indent + line for line in clean_text(text).splitlines()))


def _listed(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(one, dict) for one in value) and len(value[0]) > 2


def _scalars(item: Thing) -> tuple[str, ...]:
    return tuple(name for name, value in item.items() if not isinstance(value, dict | list))[:7]


def _wide() -> bool:
    return sys.stdout.isatty() and shutil.get_terminal_size().columns >= NARROW


def _table(items: list[Thing], names: tuple[str, ...]) -> None:
    names = tuple(name for name in names if any(name in one for one in items))
    rows = [[cell(one.get(name)) for name in names] for one in items]
    if not sys.stdout.isatty():
        for row in [list(names), *rows]:
            typer.echo("\t".join(row))
    elif not _wide():
        typer.echo("\n\n".join("\n".join(f"{n}: {v}" for n, v in zip(names, row, strict=True) if v) for row in rows))
    else:
        _rich_table(names, rows)


def _rich_table(names: tuple[str, ...], rows: list[list[str]]) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1))
    for name in names:
        # An id is there to be copied: whole, on one line.
        table.add_column(name.replace("_", " "), no_wrap=name in (ID, "message_id"), overflow="fold")
    for row in rows:
        table.add_row(*(Text(value) for value in row))
    Console(highlight=False).print(table)
