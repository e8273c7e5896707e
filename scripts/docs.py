"""Write the pages under docs/ that the code itself knows best.

    python scripts/docs.py

`pages()` gives each page's text by its name; a test compares them with what lies in docs/. Nothing is asked of a server,
a clock or a network, so that the same code writes the same pages.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Iterator
from enum import StrEnum
from pathlib import Path
from typing import Any, get_type_hints

import msgspec
import typer
from prometheus_client import CollectorRegistry

from mailwright import __version__
from mailwright.__main__ import cli
from mailwright.commands.verbs import CONNECTION, made
from mailwright.commands.verbs.table import FILE as VERBS
from mailwright.config import PREFIX, Config, every_setting
from mailwright.contract.errors import STATUS, refusals_by_status
from mailwright.contract.operations import OPERATIONS, Answer, Operation
from mailwright.core.accounts import ROLES
from mailwright.core.errors import Refusal
from mailwright.core.events import EventType
from mailwright.core.model import Role
from mailwright.core.policy import MODES
from mailwright.faces.rest.metrics import metrics as rest_metrics
from mailwright.faces.rest.openapi import openapi
from mailwright.faces.smtp import translation
from mailwright.faces.smtp.metrics import metrics as smtp_metrics
from mailwright.gauges import Gauges, StoreCollector
from mailwright.store.sqlite.writer import Counters
from mailwright.wire import smtp_client, smtp_server
from mailwright.wire.smtp_client import states as client_states
from mailwright.wire.smtp_server import replies as server_replies
from mailwright.wire.smtp_server import states as server_states

Json = dict[str, Any]
ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
SOURCE = ROOT / "src" / "mailwright"
PUBLIC_URL = "https://mail.example.com"
EXIT_CODES = (
    ("0", "done"),
    ("1", "refused by the server, with `code` and fix on standard error; or a check that did not pass"),
    ("2", "wrongly typed, or something that was named can't be used"),
    ("3", "the server can't be reached"),
    ("4", "it took too long: an answer, `domains verify --wait`, `events follow --count --seconds`"),
    ("130", "interrupted"),
)
ALWAYS = ("400", "401", "403", "429", "500", "503")  # statuses that any operation may answer

# What `data` of each event holds. Said here, since core writes them as mappings; a test lets events happen and compares.
RECEIVED = (
    "message_id thread_id rfc_message_id from to cc subject preview text truncated in_reply_to attachments automatic trust "
    "authentication"
)
ATTEMPT = "message_id thread_id recipient attempt_id attempt mx code enhanced text"
APPROVAL = "approval_id message_id direction digest reasons recipients expires_at decided_by note"
DOMAIN = "domain_id domain status records detail"
FIELDS: dict[EventType, str] = {
    EventType.MESSAGE_RECEIVED: RECEIVED,
    EventType.MESSAGE_FLAGGED: RECEIVED,
    EventType.MESSAGE_REJECTED: "message_id approval_id note",
    EventType.MESSAGE_QUEUED: "message_id thread_id rfc_message_id subject to recipients send_at",
    EventType.MESSAGE_FORWARDED: "message_id thread_id forward_id recipient forwarded_as status",
    EventType.MESSAGE_NOT_FORWARDED: "message_id thread_id forward_id recipient reason",
    EventType.MESSAGE_HELD: "message_id thread_id approval_id subject to reasons expires_at",
    EventType.MESSAGE_SENT: ATTEMPT,
    EventType.MESSAGE_DELIVERED: ATTEMPT,
    EventType.MESSAGE_DEFERRED: f"{ATTEMPT} next_attempt_at",
    EventType.MESSAGE_BOUNCED: f"{ATTEMPT} class reason remedy returned",
    EventType.MESSAGE_UNKNOWN: f"{ATTEMPT} next_attempt_at",
    EventType.MESSAGE_COMPLAINED: "message_id thread_id recipient feedback_type user_agent",
    EventType.MESSAGE_SUPPRESSED: "message_id thread_id recipient",
    EventType.MESSAGE_CANCELLED: "message_id thread_id recipients",
    EventType.APPROVAL_REQUESTED: APPROVAL,
    EventType.APPROVAL_APPROVED: APPROVAL,
    EventType.APPROVAL_REJECTED: APPROVAL,
    EventType.APPROVAL_EXPIRED: APPROVAL,
    EventType.DOMAIN_ALIGNED: DOMAIN,
    EventType.DOMAIN_DEGRADED: DOMAIN,
    EventType.DOMAIN_KEY_ROTATED: "domain_id domain kind selector",
    EventType.SUPPRESSION_ADDED: "suppression_id address reason message_id",
    EventType.SUPPRESSION_REMOVED: "suppression_id address",
    EventType.MAILBOX_CREATED: "mailbox_id address oversight_mode",
    EventType.MAILBOX_PAUSED: "mailbox_id agent_id",
    EventType.MAILBOX_RESUMED: "mailbox_id agent_id",
    EventType.REPORT_DMARC: "report_id domain organization begins_at ends_at verified_domain message_id messages passed",
    EventType.REPORT_TLS: "report_id domain organization begins_at ends_at verified_domain message_id sessions failed",
    EventType.STORE_RESTORED: "made_at deliveries_unknown",
    EventType.WEBHOOK_TEST: "webhook_id",
    EventType.WEBHOOK_DISABLED: "webhook_id",
}


def pages() -> dict[str, str]:
    """Every page that is written here, by its name."""
    described = openapi(OPERATIONS, PUBLIC_URL, __version__)
    sys.path.append(str(Path(__file__).parent))
    import security_cases  # it lies beside this file

    made = {
        "operations.md": _operations(described),
        "events.md": _events(described),
        "errors.md": _errors(),
        "settings.md": _settings(),
        "cli.md": _cli(),
        "smtp.md": _smtp(),
        "metrics.md": _metrics(),
        "security-cases.md": security_cases.page(),
    }
    return {name: "\n".join(_spaced(lines)) + "\n" for name, lines in made.items()}


def main() -> None:
    """Write them."""
    if VERBS.read_bytes() != made.render():
        VERBS.write_bytes(made.render())
        os.execv(sys.executable, [sys.executable, *sys.argv])  # the command line was made from the file as it was
    for name, text in pages().items():
        (DOCS / name).write_text(text, encoding="utf-8")
    import client  # it lies beside this file

    client.main()


# --- Markdown -----------------------------------------------------------------------------------------------------------


def _page(title: str, *introduction: str) -> Iterator[str]:
    yield f"# {title}"
    yield "<!-- Written by scripts/docs.py from the code. Change the code, then `make docs`. -->"
    yield from introduction


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    names = list(head)
    body = [f"| {' | '.join(_cell(cell) for cell in row)} |" for row in rows]
    return "\n".join([f"| {' | '.join(names)} |", f"|{'---|' * len(names)}", *body])


def _cell(text: str) -> str:
    """Text that is safe in a table: on one line, and no HTML outside of code."""
    parts = " ".join(text.split()).replace("|", "\\|").split("`")
    return "`".join(part if place % 2 else part.replace("<", "&lt;") for place, part in enumerate(parts))


def _spaced(blocks: Iterable[str]) -> Iterator[str]:
    """Blocks with an empty line between them."""
    for place, block in enumerate(blocks):
        if place:
            yield ""
        yield block


def _code(text: object) -> str:
    return f"`{text}`"


def _listed(words: str) -> str:
    return ", ".join(map(_code, words.split()))


# --- operations ---------------------------------------------------------------------------------------------------------


def _operations(described: Json) -> Iterator[str]:
    yield from _page(
        "Operations",
        "Everything that a caller can do, over REST. The same is served by a running server as `/openapi.json`, as `/docs` "
        "for people and as `/llms.txt` for programs that read.",
        described["info"]["description"].strip(),
        "Any operation may answer 400, 401, 403, 429, 500 or 503; what else it may answer stands with it. What each code means "
        "and what to do then: [errors.md](errors.md).",
    )
    groups = list(dict.fromkeys(one.group for one in OPERATIONS))
    yield _table(("group", "operations"), ((f"[{group}](#{group})", _group_links(group)) for group in groups))
    yield "## Roles"
    yield "What a key of each role may do, where it was not given less. No key both sends and approves."
    yield _table(("role", "permissions"), ((_code(role), _permissions(role)) for role in Role))
    yield "## Oversight modes"
    yield "How much a person stands between an agent and its mail. A new mailbox is `gated_send`."
    modes = ((_code(mode), _words(incoming), _words(outgoing)) for mode, (incoming, outgoing) in MODES.items())
    yield _table(("mode", "mail that comes in", "mail that wants to leave"), modes)
    for group in groups:
        yield f"## {group}"
        for one in OPERATIONS:
            if one.group == group:
                yield from _operation(one, described)
    yield "## Shapes"
    yield (
        "What stands in requests and answers. A field of an answer is always there, null where there is nothing to say, unless "
        "its shape says otherwise."
    )
    for name, schema in described["components"]["schemas"].items():
        yield from _shape(name, schema)


def _words(choice: StrEnum) -> str:
    return choice.value.replace("_", " ")


def _permissions(role: Role) -> str:
    return ", ".join(_code(one) for one in sorted(ROLES[role]))


def _group_links(group: str) -> str:
    return ", ".join(f"[{one.name}](#{slug(one.name)})" for one in OPERATIONS if one.group == group)


def slug(heading: str) -> str:
    """The anchor that a heading gets where Markdown is shown."""
    kept = "".join(c for c in heading.lower() if c.isalnum() or c in " -_")
    return kept.replace(" ", "-")


def _operation(one: Operation[Any, Any], described: Json) -> Iterator[str]:
    entry = described["paths"][one.path][one.method.lower()]
    yield f"### {one.name}"
    yield f"{one.summary}."
    needs = f"permission `{one.permission}`" if one.permission else "no key"
    once = "; takes an `Idempotency-Key`" if one.repeatable else ""
    tool = f"; MCP tool `{one.tool}`" if one.tool else ""
    yield f"`{one.method} {one.path}`: needs {needs}{once}{tool}."
    if one.notes:
        yield one.notes
    rows = list(_inputs(entry, described))
    if rows:
        yield _table(("field", "in", "type", "what it is"), rows)
    yield f"Answers {one.status}{_answer(one, entry)}.{_refusals(entry)}"
    if one.examples:
        example = one.examples[0]
        written = json.dumps(example.request, indent=2)
        yield f"Example: {example.title[0].lower()}{example.title[1:]}."
        yield f"```\n{one.method} {one.path}\n{written}\n```"


def _inputs(entry: Json, described: Json) -> Iterator[tuple[str, str, str, str]]:
    for one in entry["parameters"]:
        if one["in"] != "header":
            yield _input(one["name"], one["in"], one["schema"], one["description"], one["required"])
    body = entry.get("requestBody", {}).get("content", {}).get("application/json")
    if body:
        schema = described["components"]["schemas"][_name(body["schema"]["$ref"])]
        for name, field in schema["properties"].items():
            needed = name in schema.get("required", ())
            yield _input(name, "body", field, field.get("description", ""), needed)


def _input(name: str, place: str, schema: Json, text: str, needed: bool) -> tuple[str, str, str, str]:
    default = schema.get("default")
    told = "" if default in (None, "", [], {}) else f" Default: `{json.dumps(default)}`."
    return (f"**`{name}`**" if needed else _code(name), place, _type(schema), f"{text}{told}")


def _answer(one: Operation[Any, Any], entry: Json) -> str:
    match one.answer:
        case Answer.JSON:
            schema = entry["responses"][str(one.status)]["content"]["application/json"]["schema"]
            return f" and {_type(schema)}"
        case Answer.CONTENT:
            return " and the bytes"
        case Answer.STREAM:
            return f" and a stream of {_link('Event')}"
        case Answer.NOTHING:
            return ", without a body"


def _refusals(entry: Json) -> str:
    others = [status for status in entry["responses"] if status[0] in "45" and status not in ALWAYS]
    return f" Also: {', '.join(others)}." if others else ""


def _shape(name: str, schema: Json) -> Iterator[str]:
    yield f"### {_shown(name)}"
    yield schema.get("description", "").strip()
    if "enum" in schema:
        yield f"One of {', '.join(map(_code, schema['enum']))}."
        return
    fields = schema.get("properties", {})
    yield _table(("field", "type", "what it is"), ((_code(n), _type(f), f.get("description", "")) for n, f in fields.items()))


def _shown(name: str) -> str:
    return f"Page of {name[5:-1]}" if name.startswith("Page_") else name


def _link(name: str) -> str:
    return f"[{_shown(name)}](#{slug(_shown(name))})"


def _name(reference: str) -> str:
    return reference.rpartition("/")[2]


def _type(schema: Json) -> str:
    """A schema in a few words."""
    if "$ref" in schema:
        return _link(_name(schema["$ref"]))
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(_type(one) for one in schema["anyOf"]))
    if "enum" in schema:
        return "one of " + ", ".join(map(_code, schema["enum"]))
    if schema.get("format") == "date-time":
        return "time"
    if schema.get("contentEncoding") == "base64":
        return "base64"
    match schema.get("type"):
        case "array":
            return f"list of {_type(schema['items'])}"
        case "object":
            more = schema.get("additionalProperties")
            return f"object of {_type(more)}" if isinstance(more, dict) and more else "object"
        case None:
            return "anything"
        case found:
            return str(found)


# --- events -------------------------------------------------------------------------------------------------------------


def _events(described: Json) -> Iterator[str]:
    yield from _page(
        "Events",
        "What can happen. Webhooks, the event stream (`GET /v1/events/stream`) and the long poll (`GET /v1/events`) carry the "
        "same envelope, byte for byte, out of one durable log. An event is told after what it tells of is on disk.",
        "Cursors are opaque and only rise. Read on from the last one that you have dealt with: nothing is skipped and "
        "nothing changes its order. After a lost connection an event may come twice: drop what you have seen by its `id`. A "
        "cursor that lies beyond the end of the log, being another server's or another tenant's, is refused: begin again "
        "with `start` or `now`.",
        "## Envelope",
    )
    fields = described["components"]["schemas"]["Event"]["properties"]
    yield _table(("field", "type", "what it is"), ((_code(n), _type(f), f.get("description", "")) for n, f in fields.items()))
    yield (
        "`text` of a received message is its first 4,000 characters; `truncated` says whether that is all. `data` larger than "
        "64 KiB loses its largest fields, and `url` says where to fetch them."
    )
    yield "## Types"
    yield _table(("type", "what happened", "in `data`"), (_event(one) for one in EventType))
    yield (
        "A message that a person released from a `gated_all` mailbox is told like any other, when it is released; its `text` "
        "is the `preview` then, and `truncated` is true. A bounce that came back later has `returned: true` and no attempt. "
        "`class` of a bounce is one of hard, soft, policy, reputation, auth, content, quota, rate; `reason` says what it "
        "means, and `remedy` what to do about it. `next_attempt_at` stands where there will be one."
    )


def _event(one: EventType) -> tuple[str, str, str]:
    if not published(one):
        return (_code(one.value), one.text, "not told by this version")
    return (_code(one.value), one.text, _listed(FIELDS[one]))


def published(one: EventType) -> bool:
    """Whether anything in the code tells it."""
    return one in FIELDS


# --- errors -------------------------------------------------------------------------------------------------------------


def _errors() -> Iterator[str]:
    yield from _page(
        "Errors",
        'Every answer that is not 2xx has the body `{"error": {code, message, fix, docs, request_id, details}}`. Decide by '
        "`code`: it is stable. `message` is for people, `fix` says what to do next, `request_id` finds the request in the "
        "server's log. 429 and 503 carry `Retry-After`; some 409 do.",
        "The last column is the reply where a code is met over SMTP; most never are.",
    )
    for status, refusals in refusals_by_status().items():
        yield f"## {status}"
        yield _table(("code", "message", "what to do", "SMTP"), (_refusal(one) for one in refusals))
    yield "## From kind to status"
    yield "A refusal has a kind, and each face one table from kinds to its own words."
    kinds = ((kind.value, str(status), _reply(*translation._BY_KIND[kind])) for kind, status in STATUS.items())
    yield _table(("kind", "HTTP", "SMTP"), kinds)


def _refusal(one: type[Refusal]) -> tuple[str, str, str, str]:
    reply = translation.reply_to(one())
    return (_code(one.code), one.summary(), one.fix, _reply(reply.code, reply.enhanced))


def _reply(code: int, enhanced: str | None) -> str:
    return _code(f"{code} {enhanced}" if enhanced else code)


# --- settings -----------------------------------------------------------------------------------------------------------


def _settings() -> Iterator[str]:
    yield from _page(
        "Settings",
        "A TOML file, given with `--config`, and the environment, which wins. A setting that is not known is refused: it is a "
        "typing error. `mailwright config describe` prints all of this as a file to start from; `mailwright config check` "
        "reads a file as `serve` would. A list in the environment is separated by commas.",
    )
    found = list(every_setting())
    for section, kind in get_type_hints(Config).items():
        yield f"## [{section}]"
        yield (kind.__doc__ or "").strip()
        rows = (
            (_code(one.name), _default(one.default), one.description, _code(f"{PREFIX}{section}__{one.name}".upper()))
            for one in found
            if one.section == section
        )
        yield _table(("setting", "default", "what it does", "environment"), rows)


def _default(value: Any) -> str:
    return _code(msgspec.json.encode(value).decode())


# --- the command line ---------------------------------------------------------------------------------------------------


def _cli() -> Iterator[str]:
    yield from _page(
        "Command line",
        "Commands run a server, look after it, and ask one over HTTP: every operation of [operations.md](operations.md) has "
        "one verb. What stands in an operation's path is an argument, all else an option; a domain, a mailbox or an agent may "
        "be named by its name or address instead of its id.",
        "## Whom verbs ask",
        "In this order: `--url` and `--key`; `MAILWRIGHT_URL` and `MAILWRIGHT_KEY`; the profile that `mailwright login` left "
        "in `~/.config/mailwright/profiles.json` (mode 0600; refused where others may read it). A profile is named with "
        "`--profile` or `MAILWRIGHT_PROFILE`; its key is sent to its own server only.",
    )
    yield _table(("option of every verb", "what it does", "default"), (_option(one) for one in _connection_options()))
    yield "## What comes out"
    yield (
        "On a terminal tables as wide as it is (`NO_COLOR` is honoured), in a pipe plain lines with tabs and nothing cut; "
        "notes and progress go to standard error. With `--json` standard output is the server's answer, byte for byte; "
        "`events follow --json` prints one event on a line, `--all --json` one item. Control characters in what strangers "
        "wrote are replaced, but not with `--json`, whose escapes are JSON's."
    )
    yield _table(("exit code", "meaning"), EXIT_CODES)
    yield "A request that creates, sends or decides carries an `Idempotency-Key` and is repeated where the line breaks."
    yield from _command(typer.main.get_command(cli), "mailwright")


def _connection_options() -> list[Any]:
    names = {one.name for one in CONNECTION}
    groups: Any = typer.main.get_command(cli)
    command = groups.commands["domains"].commands["list"]
    return [one for one in command.params if one.name in names]


def _command(command: Any, path: str) -> Iterator[str]:
    below = getattr(command, "commands", {})
    params = [one for one in command.params if one.name not in {own.name for own in CONNECTION}]
    arguments = "".join(f" {one.metavar or one.name.upper()}" for one in params if one.param_type_name == "argument")
    yield f"## {path}"
    yield f"```\n{path}{arguments}{' [OPTIONS]' if command.params else ''}{' COMMAND' if below else ''}\n```"
    yield command.help
    if below:
        rows = ((f"[`{path} {name}`](#{slug(f'{path} {name}')})", _sentence(one.help)) for name, one in below.items())
        yield _table(("command", "what it does"), rows)
    if params:
        yield _table(("option", "what it does", "default"), map(_option, params))
    for name, one in below.items():
        yield from _command(one, f"{path} {name}")


def _sentence(text: str) -> str:
    return text.partition("\n\n")[0]


def _option(one: Any) -> tuple[str, str, str]:
    argument = one.param_type_name == "argument"
    names = _code(one.metavar or one.name.upper()) if argument else ", ".join(map(_code, [*one.opts, *one.secondary_opts]))
    default = one.opts[0] if one.default is True else one.default
    return (names, one.help or "", "" if default is None or default is False else _code(default))


# --- metrics ------------------------------------------------------------------------------------------------------------


def _metrics() -> Iterator[str]:
    yield from _page(
        "Metrics",
        "`GET /metrics`, in Prometheus' form, for the networks in `api.metrics_from` (this host, unless set otherwise). Labels "
        "come from closed lists: no domain, address or id is one. Counters begin at 0 with each start.",
        "Worth an alarm: `mailwright_strained` above 0, `mailwright_queue_late_seconds` above some minutes, "
        "`mailwright_webhook_lag_seconds` likewise, `mailwright_store_refused_total` and "
        "`mailwright_store_failed_commits_total` that rise, "
        "`mailwright_approvals_oldest_seconds` beyond what you promised, and no answer of `/readyz`.",
    )
    yield _table(("name", "kind", "labels", "what it is"), sorted(_metric_rows()))


def _metric_rows() -> Iterator[tuple[str, str, str, str]]:
    registry = CollectorRegistry()
    rest_metrics(registry)
    smtp_metrics(registry)
    Gauges(registry)
    registry.register(StoreCollector(Counters))
    for collector in list(registry._collector_to_names):
        labels = getattr(collector, "_labelnames", ())
        for family in collector.describe() if hasattr(collector, "describe") else collector.collect():
            name = f"{family.name}_total" if family.type == "counter" else family.name
            yield (_code(name), family.type, ", ".join(map(_code, labels)), family.documentation)


# --- SMTP ---------------------------------------------------------------------------------------------------------------


def _smtp() -> Iterator[str]:
    yield from _page(
        "SMTP",
        "Both ends of the protocol are sessions without sockets that move along a table of legal transitions and nowhere "
        "else. The tables and the diagrams below are made from the same data that the sessions obey.",
    )
    yield from _server_side()
    yield from _client_side()


def _server_side() -> Iterator[str]:
    table = server_states.TRANSITIONS
    yield "## The server's end"
    yield _first_line(smtp_server)
    yield (
        "A command that has no entry in its state is answered `503 5.5.1`. A `*` means that the client must wait for the reply "
        "before it says more (RFC 2920 §3.1)."
    )
    verbs = list(server_states.Verb)
    waiting = [state for state in server_states.State if any((state, verb) in table for verb in verbs)]
    last = server_states.LAST_IN_GROUP
    rows = (
        [_code(verb) + ("*" if verb in last else ""), *(_found(table.get((state, verb))) for state in waiting)]
        for verb in verbs
    )
    yield _table(("command", *map(_code, waiting)), rows)
    moves = [(state, verb.value, to) for (state, verb), to in table.items() if to is not state]
    moves += [
        (server_states.State.SILENT, "our 220", server_states.State.GREETED),
        (server_states.State.DATA, "end of data", server_states.State.READY),
        (server_states.State.CHUNK, "end of the last chunk", server_states.State.READY),
        (server_states.State.CHUNK, "end of a chunk", server_states.State.CHUNKED),
        (server_states.State.AUTH, "success or failure", server_states.State.READY),
        (server_states.State.HANDSHAKE, "TLS is up", server_states.State.GREETED),
    ]
    yield _diagram(moves)
    yield "### What it says by itself"
    yield "Replies of the protocol. Those of the product are in [errors.md](errors.md)."
    yield _replies(server_replies)
    yield "### What its sockets add"
    yield _replies(translation)


def _replies(module: Any) -> str:
    found = [one for one in vars(module).values() if isinstance(one, server_replies.Reply)]
    found.sort(key=lambda one: (one.code, one.enhanced or "", one.text))
    return _table(("reply", "text"), ((_reply(one.code, one.enhanced), one.text) for one in found))


def _client_side() -> Iterator[str]:
    table = client_states.TRANSITIONS
    yield "## The client's end"
    yield _first_line(smtp_client)
    cues = list(client_states.Cue)
    states = [state for state in client_states.State if table[state]]
    yield _table(
        ("cue", *map(_code, states)), ([_code(cue), *(_found(table[state].get(cue)) for state in states)] for cue in cues)
    )
    yield _diagram([(state, cue.value, to) for state, found in table.items() for cue, to in found.items()])


def _found(state: StrEnum | None) -> str:
    return state.value if state is not None else ""


def _first_line(module: Any) -> str:
    return str(module.__doc__).strip().partition("\n")[0]


def _diagram(moves: Iterable[tuple[StrEnum, str, StrEnum]]) -> str:
    """States and the ways between them; what leads from one to the same other is written on one arrow."""
    arrows: dict[tuple[str, str], list[str]] = {}
    for start, cue, end in moves:
        arrows.setdefault((start.value, end.value), []).append(cue)
    lines = [f"    {start} --> {end}: {', '.join(cues)}" for (start, end), cues in arrows.items()]
    return "\n".join(["```mermaid", "stateDiagram-v2", *lines, "```"])


if __name__ == "__main__":
    main()
