"""The SQL of a noun: named statements from `queries/<noun>.sql`, each with its arguments and the reason it is there.

A statement begins with `-- name(argument, ...)`, a fragment with `-- {name}`; comment lines after that are its purpose.
In the text `:name` is an argument and `{name}` a fragment, or one of the lists made from the noun's columns: `{columns}`,
`{values}`, `{assignments}`. What PostgreSQL needs to hear differently stands in `queries/postgres/<noun>.sql`.
Arguments are always bound, never pasted in (S23).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files

_HEAD = re.compile(r"^-- (?:(?P<name>\w+)\((?P<arguments>[^)]*)\)|\{(?P<fragment>\w+)\})$", re.MULTILINE)
_ARGUMENT = re.compile(r"(?<![:\w]):([a-z_]+)")
_FRAGMENT = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement, in the words of each database. Values are given as a tuple in the order of `arguments`."""

    noun: str
    name: str
    purpose: str
    arguments: tuple[str, ...]
    sqlite: str
    postgres: str


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns of a noun: all that are inserted, those that are read, and those that a put changes."""

    inserted: tuple[str, ...] = ()
    read: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()

    def lists(self) -> dict[str, str]:
        """What `{...}` stands for in a statement's text."""
        return {
            "columns": ", ".join(map(quoted, self.read)),
            "inserted": ", ".join(map(quoted, self.inserted)),
            "values": ", ".join(f":{name}" for name in self.inserted),
            "assignments": ", ".join(f"{quoted(name)} = :{name}" for name in self.changed),
        }


@dataclass(frozen=True, slots=True)
class _Piece:
    name: str
    is_fragment: bool
    arguments: str
    purpose: str
    text: str


def load(noun: str, columns: Columns | None = None) -> Mapping[str, Statement]:
    """The statements of a noun by name. Raises ValueError where text and arguments don't fit together."""
    columns = columns or Columns()
    folder = files("mailwright.store") / "queries"
    base = _by_name((folder / f"{noun}.sql").read_text("utf-8"))
    other = folder / "postgres" / f"{noun}.sql"
    override = _by_name(other.read_text("utf-8")) if other.is_file() else {}
    for stray in override.keys() - base.keys():
        raise ValueError(f"queries/postgres/{noun}.sql: there is no {stray} to override")
    lists = columns.lists()
    sqlite = lists | {p.name: p.text for p in base.values() if p.is_fragment}
    postgres = sqlite | {p.name: p.text for p in override.values() if p.is_fragment}
    return {
        piece.name: Statement(
            noun,
            piece.name,
            piece.purpose,
            (arguments := _arguments(piece.arguments, columns)),
            _numbered(piece, sqlite, arguments, "?"),
            _numbered(override.get(piece.name, piece), postgres, arguments, "$"),
        )
        for piece in base.values()
        if not piece.is_fragment
    }


def quoted(name: str) -> str:
    """A column's name as SQL wants it: some of ours (`to`, `index`) are words of its own."""
    return f'"{name}"'


def _by_name(source: str) -> dict[str, _Piece]:
    found: dict[str, _Piece] = {}
    for piece in _pieces(source):
        if found.setdefault(piece.name, piece) is not piece:
            raise ValueError(f"{piece.name} is there twice")
    return found


def _pieces(source: str) -> Iterator[_Piece]:
    heads = list(_HEAD.finditer(source))
    for head, following in zip(heads, [*heads[1:], None], strict=True):
        body = source[head.end() : following.start() if following else None].strip()
        lines = body.splitlines()
        count = next((i for i, line in enumerate(lines) if not line.startswith("--")), len(lines))
        purpose = " ".join(line.removeprefix("--").strip() for line in lines[:count])
        text = "\n".join(lines[count:]).strip().rstrip(";")
        yield _Piece(head["name"] or head["fragment"], head["fragment"] is not None, head["arguments"] or "", purpose, text)


def _arguments(written: str, columns: Columns) -> tuple[str, ...]:
    lists: dict[str, Sequence[str]] = {"{inserted}": columns.inserted, "{changed}": columns.changed}
    names = [name.strip() for name in written.split(",") if name.strip()]
    return tuple(one for name in names for one in lists.get(name, (name,)))


def _numbered(piece: _Piece, fragments: Mapping[str, str], arguments: tuple[str, ...], mark: str) -> str:
    text = piece.text
    while found := _FRAGMENT.search(text):
        text = text.replace(found[0], fragments[found[1]])
    used = {name: arguments.index(name) + 1 for name in _ARGUMENT.findall(text) if name in arguments}
    if set(used) != set(arguments) or len(used) != len(set(_ARGUMENT.findall(text))):
        raise ValueError(f"{piece.name}: the arguments {arguments} are not those that its text uses")
    return _ARGUMENT.sub(lambda match: f"{mark}{used[match[1]]}", text)
