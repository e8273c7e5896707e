"""A list as a table.

Into a pipe: plain lines, columns parted by tabs, nothing cut. On a terminal with rich, one line for each item: ids stay whole,
to be copied; texts are cut to fit; columns of less weight are left out where it is narrow; and where even that does not fit,
items stand one below the other.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from typing import Any

import typer

from mailwright.commands.verbs.cells import cell

Thing = dict[str, Any]

NARROW = 60  # columns of a terminal; with fewer there are no tables
GAP = 2  # columns between two columns
SHORTEST = 12  # columns that a text is cut to, at most
WHOLE = 10**9  # more than any
ID, WHEN = "id", "created_at"
WITH = "with"  # whom a message came from, or went to
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
# What stands in their place on a terminal.
SCREEN = {"messages.list": ("timestamp", "status", WITH, "subject", "message_id")}
# What is left out where a terminal is narrow, the first one first.
SPARE: dict[str, tuple[str, ...]] = {
    "domains.list": ("verified_at",),
    "agents.list": ("responsible",),
    "mailboxes.list": ("status",),
    "messages.list": ("timestamp",),
    "messages.timeline": ("recipient",),
    "threads.list": ("message_count", "last_message_at"),
    "approvals.list": ("direction", WHEN),
    "events.list": ("mailbox_id",),
    "webhooks.list": ("events",),
    "webhooks.deliveries": ("response_status", "attempts", "error"),
    "suppressions.list": (WHEN,),
    "keys.list": ("expires_at", "last_used_at"),
    "audit.list": ("actor",),
}
TEXT = frozenset((WITH, "subject", "participants", "recipients", "reasons", "reason", "responsible", "url", "events", "error"))
NAMES = frozenset(("name", "address", "domain", "recipient", "reason_code", "action", "actor"))  # as texts, but longer
_AN_ID = re.compile(r"[a-z]{3}_[0-9a-f]{24}")
_TIME = re.compile(r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)(\.\d+)?Z")


def wide() -> bool:
    """Whether a person looks on, with room for a table."""
    return sys.stdout.isatty() and shutil.get_terminal_size().columns >= NARROW


def listed(operation: str, items: list[Thing]) -> None:
    """Print what an operation lists."""
    columns = COLUMNS.get(operation) or scalars(items[0])
    if not wide():
        _plain(items, columns)
        return
    names = SCREEN.get(operation, columns)
    rows = [{name: _short(one, name) for name in names} for one in items]
    fitting = _fitting(names, rows, SPARE.get(operation, ()), shutil.get_terminal_size().columns)
    if fitting is None:
        _below(items, columns)
    else:
        _draw([[row[name] for name in fitting] for row in rows], fitting)


def inside(items: list[Thing], names: tuple[str, ...] | None) -> None:
    """Print a list that is part of a thing: nothing of it is cut."""
    names = tuple(name for name in names or scalars(items[0]) if any(name in one for one in items))
    if wide():
        _draw([[cell(one.get(name)) for name in names] for one in items], dict.fromkeys(names))
    else:
        _plain(items, names)


def scalars(item: Thing) -> tuple[str, ...]:
    """The columns of what nothing is known of."""
    return tuple(name for name, value in item.items() if not isinstance(value, dict | list))[:7]


def _plain(items: list[Thing], names: tuple[str, ...]) -> None:
    if sys.stdout.isatty():
        _below(items, names)
        return
    names = tuple(name for name in names if any(name in one for one in items))
    for row in [list(names), *([cell(one.get(name)) for name in names] for one in items)]:
        typer.echo("\t".join(row))


def _below(items: list[Thing], names: tuple[str, ...]) -> None:
    rows = ({name: cell(one.get(name)) for name in names} for one in items)
    typer.echo("\n\n".join("\n".join(f"{name}: {value}" for name, value in row.items() if value) for row in rows))


def _short(one: Thing, name: str) -> str:
    if name == WITH:
        return f"to {cell(one.get('to'))}" if one.get("direction") == "outbound" else f"from {cell(one.get('from'))}"
    value = cell(one.get(name))
    when = _TIME.fullmatch(value)
    return f"{when[1]} {when[2]}Z" if when else value


def _fitting(
    names: tuple[str, ...], rows: list[dict[str, str]], spare: tuple[str, ...], room: int
) -> dict[str, int | None] | None:
    """Columns and their widths; fewer of them where room is short; None where even the least do not fit."""
    from rich.cells import cell_len

    natural = {name: max(len(name), *(cell_len(row[name]) for row in rows)) for name in names}
    natural = {name: width for name, width in natural.items() if any(row[name] for row in rows)}
    for gone in (None, *spare):
        natural.pop(gone or "", None)
        least = {name: min(width, _least(name, rows)) for name, width in natural.items()}
        left = room - sum(least.values()) - GAP * (len(least) - 1)
        if left >= 0:
            return _shared(natural, least, left)
    return None


def _least(name: str, rows: list[dict[str, str]]) -> int:
    if any(_AN_ID.fullmatch(row[name]) for row in rows):
        return WHOLE
    return SHORTEST if name in TEXT else 2 * SHORTEST if name in NAMES else WHOLE


def _shared(natural: dict[str, int], least: dict[str, int], left: int) -> dict[str, int | None]:
    """What is left, one column after the other to whoever has least and wants more."""
    widths = dict(least)
    while left and (wanting := [name for name in widths if widths[name] < natural[name]]):
        widths[min(wanting, key=lambda name: widths[name])] += 1
        left -= 1
    return dict(widths)


def _draw(rows: list[list[str]], columns: dict[str, int | None]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, GAP, 0, 0), header_style="" if os.environ.get("NO_COLOR") else "bold")
    for name, width in columns.items():
        # An id is there to be copied: whole, on one line.
        table.add_column(name.replace("_", " "), width=width, no_wrap=width is not None or _is_id(name), overflow="fold")
    for row in rows:
        table.add_row(
            *(Text(value, overflow="ellipsis" if width else "fold") for value, width in zip(row, columns.values(), strict=True))
        )
    Console(highlight=False).print(table)


def _is_id(name: str) -> bool:
    return name == ID or name.endswith("_id")
