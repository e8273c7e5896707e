"""What a verb of the command line is: read from `verbs.json`, which scripts/docs.py writes from the table of operations.

A file, since the table itself brings the server along: help and completion have to answer at once, and whoever installed the
client alone has no server. A test compares the file with the table.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import msgspec

FILE = Path(__file__).with_name("verbs.json")


class Parameter(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One field of an operation's input, as it is typed."""

    name: str  # on the wire
    place: str  # path, query or body
    kind: str  # text, integer, boolean, choice, time, json, map, file, files
    help: str
    argument: bool = False  # given by its place, not by its name
    several: bool = False
    required: bool = False
    clears: bool = False  # an empty text stands for null
    choices: tuple[str, ...] = ()


class Verb(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One operation, as it is typed."""

    operation: str
    command: str
    summary: str
    method: str
    path: str
    answer: str  # json, nothing, content or stream
    parameters: tuple[Parameter, ...] = ()
    notes: str = ""
    paged: bool = False
    repeatable: bool = False
    destructive: bool = False

    @property
    def group(self) -> str:
        """The first word."""
        return self.command.partition(" ")[0]

    @property
    def name(self) -> str:
        """The second word."""
        return self.command.partition(" ")[2]


@cache
def verbs() -> tuple[Verb, ...]:
    """Every verb, in the order of the table of operations."""
    return msgspec.json.decode(FILE.read_bytes(), type=tuple[Verb, ...])


def groups() -> tuple[str, ...]:
    """The first words, in order."""
    return tuple(dict.fromkeys(one.group for one in verbs()))
