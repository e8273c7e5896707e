"""What a server does, as commands: one verb for each operation, `mailwright GROUP VERB`. Made from the table of operations.

A group's commands are built when they are looked at, since help has to answer at once. What a verb does when it is run
stands in `doing.py`, imported then.
"""

from __future__ import annotations

import inspect
import keyword
from collections.abc import Callable, MutableMapping
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
import typer.core

from mailwright.commands.verbs.table import Parameter, Verb, groups, verbs

HELP = {
    "domains": "Domains, and the DNS records that their mail needs.",
    "agents": "Who writes.",
    "mailboxes": "Addresses, and how much a person stands between them and the world.",
    "forwards": "Mail handed on by rule.",
    "messages": "Send, answer, read, label.",
    "threads": "Conversations.",
    "approvals": "What a person is asked to decide.",
    "events": "What happens.",
    "webhooks": "Programs that are told what happens.",
    "suppressions": "Whom not to write to.",
    "reports": "What receivers say of our mail.",
    "keys": "API keys.",
    "tenants": "Customers of this server.",
    "audit": "The log that only grows.",
    "email": "Sending by the mailbox's address instead of its id.",
    "identity": "Which agent wrote it.",
}
OWN = ("url", "key", "profile", "json", "timeout")  # options of every verb: a field of that name gets its group's before it
SHORT = {"attachments": ("--attach",)}


def add(cli: typer.Typer) -> None:
    """Add these commands to the command line; to a group that is there already, the verbs that it has not got."""
    there = {one.name: one for one in cli.registered_groups}
    for name in groups():
        if name in there:
            there[name].cls = VerbGroup
        else:
            cli.add_typer(typer.Typer(no_args_is_help=True, help=HELP[name]), name=name, cls=VerbGroup)


class VerbGroup(typer.core.TyperGroup):
    """A group whose commands are built at the first look."""

    _fixed: MutableMapping[str, Any]
    _built: MutableMapping[str, Any]

    @property
    def commands(self) -> MutableMapping[str, Any]:
        """Its commands by name."""
        if not self._built:
            self._built = {**_built(self.name or ""), **self._fixed}
        return self._built

    @commands.setter
    def commands(self, fixed: MutableMapping[str, Any]) -> None:
        self._fixed = fixed
        self._built = {}


@cache
def _built(group: str) -> dict[str, Any]:
    made = typer.Typer(rich_markup_mode=None)
    made.callback()(lambda: None)  # keeps a group of one command a group
    for one in verbs():
        if one.group == group:
            made.command(one.name, help=_help(one))(_function(one))
    return dict(typer.main.get_group(made).commands)


def _help(verb: Verb) -> str:
    return f"{verb.summary}.\n\n{verb.notes}".strip().replace("`", "")


def _function(verb: Verb) -> Callable[..., None]:
    """A function whose signature is the verb's, for typer to read."""

    def run(**typed: Any) -> None:
        from mailwright.commands.verbs import doing

        fields = {one.name: typed.pop(_identifier(one.name)) for one in verb.parameters}
        doing.do(verb, fields, doing.Wish(**{name.removeprefix("our_"): value for name, value in typed.items()}))

    parameters = [*(_parameter(verb, one) for one in verb.parameters), *_own(verb)]
    parameters.sort(key=lambda one: one.default is not inspect.Parameter.empty)
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {one.name: one.annotation for one in parameters}
    return run


def _parameter(verb: Verb, one: Parameter) -> inspect.Parameter:
    completion = _completed(one.name)
    settings: Any = {"help": _told(one), "autocompletion": completion, "show_default": False}
    needed = one.required and one.name != "digest"  # which a terminal asks for instead
    if one.argument:
        described = typer.Argument(metavar=one.name.upper(), **settings)
    else:
        described = typer.Option(*options_of(verb, one), metavar=_metavar(one), **settings)
    kind = Annotated[_type(one) if needed else _type(one) | None, described]  # type: ignore[valid-type]
    default = inspect.Parameter.empty if needed else None
    return inspect.Parameter(_identifier(one.name), inspect.Parameter.KEYWORD_ONLY, annotation=kind, default=default)


def _told(one: Parameter) -> str:
    more = " - reads standard input." if one.name in ("text", "html") else ""
    several = " May be given several times." if (one.several or one.kind == "map") and "several times" not in one.help else ""
    choices = f" One of: {', '.join(one.choices)}." if one.several and one.choices else ""
    return one.help.replace("`", "") + more + choices + several


def options_of(verb: Verb, one: Parameter) -> list[str]:
    """How a field's option is written: several of a thing by the word for one."""
    name = one.name.replace("_", "-")
    if one.name in OWN:
        name = f"{verb.group.removesuffix('s')}-{name}"
    if one.kind == "boolean":
        return [f"--{name}/--no-{name}"]
    if one.name in SHORT:
        return list(SHORT[one.name])
    if (one.several or one.kind == "map") and name.endswith("s"):
        return [f"--{name[:-1]}", f"--{name}"]
    return [f"--{name}"]


def _metavar(one: Parameter) -> str | None:
    return {"text": "TEXT", "time": "TIME", "json": "JSON", "map": "'NAME: VALUE'", "file": "FILE", "files": "FILE"}.get(
        one.kind
    )


def _type(one: Parameter) -> Any:
    if one.kind in ("map", "files"):
        return list[str] if one.kind == "map" else list[Path]
    plain: Any = {"integer": int, "boolean": bool, "choice": None}.get(one.kind, str) or Literal[one.choices]
    if one.several:
        return list[str] if one.choices else list[plain]  # typer has no lists of choices: the server refuses what is none
    return plain


def _identifier(name: str) -> str:
    return f"{name}_" if keyword.iskeyword(name) else name


def _completed(name: str) -> Callable[..., Any] | None:
    if not name.endswith("_id") or name == "client_id":
        return None

    def complete(ctx: typer.Context, incomplete: str) -> list[Any]:
        from mailwright.commands.verbs import completing

        return completing.ids(name, incomplete, ctx.params)

    return complete


# --- options that verbs have beside their fields -----------------------------------------------------------------------


def _own(verb: Verb) -> list[inspect.Parameter]:
    found = [
        _option(
            "idempotency_key", str, "Asking again with it is answered as the first time; within 24 hours.", verb.repeatable
        ),
        _option("wait", float, "Look again until it is aligned, for so many seconds.", verb.operation == "domains.verify"),
        _option("count", int, "Stop after so many.", verb.answer == "stream"),
        _option(
            "seconds", float, "Stop after so many seconds; with --count, exit 4 where fewer came.", verb.answer == "stream"
        ),
        _option("output", Path, "Write it here.", verb.answer == "content", "-o"),
        _flag("all", "Read every page; with --json, print one item on a line.", verb.paged),
        _flag("yes", "Don't ask whether it is meant.", verb.destructive, "-y"),
    ]
    return [one for one in found if one is not None] + CONNECTION


def _option(name: str, kind: Any, text: str, wanted: bool, *more: str) -> inspect.Parameter | None:
    if not wanted:
        return None
    low = 0.1 if name == "timeout" else 0 if kind in (int, float) else None
    described = typer.Option(f"--{name.replace('_', '-')}", *more, help=text, min=low)
    return inspect.Parameter(
        f"our_{name}", inspect.Parameter.KEYWORD_ONLY, annotation=Annotated[kind | None, described], default=None
    )


def _flag(name: str, text: str, wanted: bool, *more: str) -> inspect.Parameter | None:
    if not wanted:
        return None
    described = typer.Option(f"--{name}", *more, help=text)
    return inspect.Parameter(
        f"our_{name}", inspect.Parameter.KEYWORD_ONLY, annotation=Annotated[bool, described], default=False
    )


def _connection() -> list[inspect.Parameter]:
    found = [
        _flag("json", "Print what the server answered, and nothing else.", True),
        _option("url", str, "The server; else MAILWRIGHT_URL, else the profile's.", True),
        _option("key", str, "The API key; else MAILWRIGHT_KEY (others can't see that), else the profile's.", True),
        _option("profile", str, "The profile that login made; else MAILWRIGHT_PROFILE, else default.", True),
        _option("timeout", float, "How many seconds an answer may take; 30 where not given.", True),
    ]
    return [one for one in found if one is not None]


CONNECTION = _connection()
