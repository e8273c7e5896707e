"""The verbs: one for each operation, what they send, what they print, and how they end."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import httpx2
import msgspec
import pytest
import typer
from typer.testing import CliRunner

from mailwright.__main__ import cli
from mailwright.commands.verbs import calling, completing, doing, made, options_of, tables
from mailwright.commands.verbs.table import FILE, Verb, verbs
from mailwright.contract.operations import OPERATIONS
from mailwright.contract.resources.threads import TimelineEntry

Answers = Callable[[httpx2.Request], httpx2.Response]
BY_NAME = {one.operation: one for one in verbs()}
MAILBOX = {"id": "mbx_1", "address": "ada@agents.test"}


class Asked:
    """A server that notes what it is asked and answers as told; and the command line in front of it."""

    def __init__(self, answers: Answers) -> None:
        self.requests: list[httpx2.Request] = []
        self._answers = answers

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.requests.append(request)
        return self._answers(request)

    def run(self, *words: str, given: str | bytes | None = None) -> Any:
        return CliRunner().invoke(cli, [*words, "--url", "http://mail.test", "--key", "mw_test_x"], input=given)

    @property
    def body(self) -> Any:
        return json.loads(self.requests[-1].content)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Callable[[Answers], Asked]:
    def build(answers: Answers) -> Asked:
        asked = Asked(answers)
        put = partial(calling.Server, transport=httpx2.MockTransport(asked))
        monkeypatch.setattr(doing, "Server", put)
        monkeypatch.setattr(completing, "Server", put)
        monkeypatch.setattr(calling, "PATIENCE", replace(calling.PATIENCE, first=0.0))
        return asked

    return build


def always(status: int, content: Any) -> Answers:
    return lambda request: httpx2.Response(status, json=content)


def mailboxes_then(content: Any) -> Answers:
    def answer(request: httpx2.Request) -> httpx2.Response:
        listing = {"items": [MAILBOX], "next_cursor": None}
        return httpx2.Response(200, json=listing if request.url.path == "/v1/mailboxes" else content)

    return answer


def test_every_operation_has_exactly_one_verb() -> None:
    commands = typer.main.get_command(cli).commands  # type: ignore[attr-defined]
    reached = [one.operation for one in verbs() if one.name in commands[one.group].commands]
    assert Counter(one.name for one in OPERATIONS) == Counter(reached)
    assert [] == [one.command for one in OPERATIONS if one.command.split()[0] != one.group]


def test_the_file_of_verbs_is_what_the_table_of_operations_makes() -> None:
    assert made.render() == FILE.read_bytes()


def test_the_help_of_every_verb_names_every_field() -> None:
    def help_of(verb: Verb) -> str:
        return CliRunner().invoke(cli, [verb.group, verb.name, "--help"]).output

    def written(verb: Verb) -> list[str]:
        fields = verb.parameters
        return [one.name.upper() if one.argument else options_of(verb, one)[0].partition("/")[0] for one in fields]

    assert [] == [(verb.command, name) for verb in verbs() for name in written(verb) if name not in help_of(verb)]


def test_no_two_options_of_a_verb_share_a_name() -> None:
    for group in typer.main.get_command(cli).commands.values():  # type: ignore[attr-defined]
        for command in getattr(group, "commands", {}).values():
            names = Counter(name for one in command.params for name in [*one.opts, *one.secondary_opts])
            assert [] == [(command.name, name) for name, count in names.items() if count > 1]


@pytest.mark.parametrize("words", [["--help"], ["messages", "send", "--help"], ["domains", "--help"]], ids=" ".join)
def test_help_imports_nothing_of_weight(words: list[str]) -> None:
    code = (
        "import sys; from mailwright.__main__ import cli\n"
        f"try: cli({words!r})\nexcept SystemExit: pass\n"
        "print(*sorted(sys.modules), sep='\\n', file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=True)
    loaded = set(done.stderr.split())
    heavy = {
        "pydantic",
        "rich.markdown",
        "rich.console",
        "httpx2",
        "asyncio",
        "cryptography",
        "dns",
        "apsw",
        "starlette",
        "uvicorn",
    }
    ours = {
        "mailwright.core",
        "mailwright.contract",
        "mailwright.app",
        "mailwright.store",
        "mailwright.net",
        "mailwright.config",
    }
    assert ("Usage: " in done.stdout, set()) == (True, loaded & (heavy | ours))


# --- what is sent -------------------------------------------------------------------------------------------------------


def test_a_message_is_sent_from_the_mailbox_of_an_address(server: Callable[[Answers], Asked], tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_bytes(b"hello\n")
    asked = server(mailboxes_then({"message_id": "msg_1", "status": "queued"}))
    words = ["messages", "send", "Ada@agents.test", "--to", "a@b.test", "--to", "c@d.test", "--subject", "Tea?", "--text", "-"]
    done = asked.run(*words, "--header", "X-Tag: 1", "--label", "x", "--attach", str(tmp_path / "note.txt"), given="At four?\n")
    assert 0 == done.exit_code
    assert ("POST", "/v1/mailboxes/mbx_1/send") == (asked.requests[-1].method, asked.requests[-1].url.path)
    assert {
        "to": ["a@b.test", "c@d.test"],
        "subject": "Tea?",
        "text": "At four?\n",
        "headers": {"X-Tag": "1"},
        "labels": ["x"],
        "attachments": [{"filename": "note.txt", "content_type": "text/plain", "content": "aGVsbG8K"}],
    } == asked.body
    assert asked.requests[-1].headers["Idempotency-Key"].startswith("cli-")
    assert "Bearer mw_test_x" == asked.requests[-1].headers["Authorization"]


def test_what_is_not_typed_is_not_sent_and_no_is_not_silence(server: Callable[[Answers], Asked]) -> None:
    asked = server(always(200, {"id": "whk_1"}))
    asked.run("webhooks", "change", "whk_1", "--no-enabled")
    assert {"enabled": False} == asked.body


def test_an_option_of_a_name_that_every_verb_has_gets_its_groups(server: Callable[[Answers], Asked]) -> None:
    asked = server(always(200, {"id": "whk_1"}))
    asked.run("webhooks", "change", "whk_1", "--webhook-url", "https://app.test/")
    assert ("mail.test", {"url": "https://app.test/"}) == (asked.requests[-1].url.host, asked.body)


def test_an_empty_text_clears_what_can_be_cleared(server: Callable[[Answers], Asked]) -> None:
    asked = server(always(200, {"id": "agt_1"}))
    asked.run("agents", "change", "agt_1", "--responsible", "")
    assert {"responsible": None} == asked.body


def test_lists_and_times_stand_in_the_query(server: Callable[[Answers], Asked]) -> None:
    asked = server(always(200, {"items": [], "next_cursor": "c"}))
    asked.run("events", "list", "--type", "message.received", "--type", "message.sent", "--wait", "5")
    assert "type=message.received&type=message.sent&wait=5" == asked.requests[-1].url.query.decode()


def test_s22_what_is_named_in_the_path_cannot_leave_its_place(server: Callable[[Answers], Asked]) -> None:
    asked = server(always(404, {}))
    asked.run("messages", "show", "../domains?x=1")
    assert b"/v1/messages/..%2Fdomains%3Fx%3D1" == asked.requests[-1].url.raw_path


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["domains", "add", "x.test", "--smarthost", "{"], "--smarthost is no JSON"),
        (["messages", "send", "mbx_1", "--header", "nonsense"], "write it as 'Name: value'"),
        (["messages", "send", "mbx_1", "--attach", "/nowhere"], "can't be read"),
        (["approvals", "approve", "apr_1"], "--digest"),
        (["domains", "add"], "Missing argument"),
        (["domains", "list", "--limit", "many"], "--limit"),
        (["domains", "list", "--timeout", "0"], "--timeout"),
        (["messages", "show", ".."], "'..' is no id"),
        (["messages", "show", "a\udcff"], "is not all UTF-8"),
        (["messages", "list", "--q", "a\udcff"], "is not all UTF-8"),
        (["messages", "send", "mbx_1", "--text", "a\udcff"], "is not all UTF-8"),
        (["messages", "send", "mbx_1", "--header", "X: a\udcff"], "is not all UTF-8"),
        (["messages", "send", "mbx_1", "--idempotency-key", ""], "'' is no Idempotency-Key"),
        (["messages", "send", "mbx_1", "--idempotency-key", "\u00e9"], "is no Idempotency-Key"),
    ],
)
def test_what_cannot_be_meant_is_told_before_anybody_is_asked(
    server: Callable[[Answers], Asked], words: list[str], told: str
) -> None:
    asked = server(always(500, {}))
    done = asked.run(*words)
    assert (2, True, []) == (done.exit_code, told in done.stderr, asked.requests)


# --- what comes back ----------------------------------------------------------------------------------------------------


def test_json_is_the_servers_answer_byte_for_byte(server: Callable[[Answers], Asked]) -> None:
    answer = b'{"items":[{"id":"dom_1" ,"domain":"\\u001b[31m"}],"next_cursor":null}'
    asked = server(lambda request: httpx2.Response(200, content=answer))
    assert answer + b"\n" == asked.run("domains", "list", "--json").stdout_bytes


def test_all_pages_are_read_one_item_on_a_line(server: Callable[[Answers], Asked]) -> None:
    def answer(request: httpx2.Request) -> httpx2.Response:
        second = request.url.params.get("after") == "two"
        return httpx2.Response(200, json={"items": [{"id": 2 if second else 1}], "next_cursor": None if second else "two"})

    assert '{"id":1}\n{"id":2}\n' == server(answer).run("keys", "list", "--all", "--json").stdout


def test_in_a_pipe_a_list_is_lines_with_tabs(server: Callable[[Answers], Asked]) -> None:
    items = [{"id": "dom_1", "domain": "a.test", "status": "aligned", "verified_at": None}]
    asked = server(always(200, {"items": items, "next_cursor": "c"}))
    done = asked.run("domains", "list")
    assert "domain\tstatus\tverified_at\tid\na.test\taligned\t\tdom_1\n" == done.stdout
    assert "--after c" in done.stderr


def test_s23_what_strangers_wrote_is_shown_and_not_obeyed(server: Callable[[Answers], Asked]) -> None:
    nasty = "\x1b]0;pwned\x07\x9b31m\u202egnp.exe\r\nsecond"
    asked = server(always(200, {"message_id": "msg_1", "subject": nasty, "text": nasty}))
    shown = asked.run("messages", "show", "msg_1").stdout
    assert set() == set(shown) & set("\x1b\x07\x9b\u202e\r")
    assert ["gnp.exe", "second"] == [word for word in ("gnp.exe", "second") if word in shown]


def test_columns_are_fields_of_what_is_listed() -> None:
    outputs = {one.name: one.output for one in OPERATIONS}
    outputs["messages.timeline"] = TimelineEntry
    wrong = []
    for name, columns in tables.COLUMNS.items():
        item = getattr(outputs[name], "__args__", (outputs[name],))[0]
        wrong += [(name, one) for one in columns if one not in {field.encode_name for field in msgspec.structs.fields(item)}]
    assert [] == wrong


def test_a_refusal_is_code_and_fix_on_standard_error(server: Callable[[Answers], Asked]) -> None:
    error = {"code": "sender_not_owned", "message": "Not yours.", "fix": "Use your own.", "details": None}
    done = server(always(403, {"error": error})).run("messages", "cancel", "msg_1", "--yes")
    assert (1, "", "mailwright: Not yours. (sender_not_owned)\nmailwright: fix: Use your own.\n") == (
        done.exit_code,
        done.stdout,
        done.stderr,
    )


def test_an_answer_that_is_not_ours_is_told(server: Callable[[Answers], Asked]) -> None:
    done = server(lambda request: httpx2.Response(404, text="<html>nginx")).run("domains", "list")
    assert (1, True) == (done.exit_code, "is mail.test a Mailwright server?" in done.stderr)


@pytest.mark.parametrize(
    ("wrong", "code"),
    [(httpx2.ConnectError("refused"), 3), (httpx2.ReadTimeout("late"), 4), (httpx2.ReadError("broken"), 3)],
    ids=["unreached", "late", "broken"],
)
def test_a_server_that_does_not_answer(server: Callable[[Answers], Asked], wrong: Exception, code: int) -> None:
    def fail(request: httpx2.Request) -> httpx2.Response:
        raise wrong

    assert code == server(fail).run("domains", "list").exit_code


def test_a_broken_line_repeats_the_request_with_the_same_idempotency_key(server: Callable[[Answers], Asked]) -> None:
    def answer(request: httpx2.Request) -> httpx2.Response:
        if len(asked.requests) == 1:
            raise httpx2.ReadError("broken")
        if len(asked.requests) == 2:
            return httpx2.Response(409, json={"error": {"code": "idempotency_in_flight"}}, headers={"Retry-After": "0"})
        return httpx2.Response(201, json={"id": "agt_1"})

    asked = server(answer)
    assert 0 == asked.run("agents", "create", "ada").exit_code
    assert (3, 1) == (len(asked.requests), len({one.headers["Idempotency-Key"] for one in asked.requests}))


def test_verify_waits_until_the_records_are_there(server: Callable[[Answers], Asked], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doing, "LOOKING", 0.01)

    def answer(request: httpx2.Request) -> httpx2.Response:
        status = "aligned" if len(asked.requests) == 3 else "pending"
        return httpx2.Response(200, json={"status": status, "detail": "MX is missing", "records": []})

    asked = server(answer)
    done = asked.run("domains", "verify", "dom_1", "--wait", "30")
    assert (0, 3, 1) == (done.exit_code, len(asked.requests), done.stderr.count("MX is missing"))


def test_verify_gives_up_with_a_code_of_its_own(server: Callable[[Answers], Asked]) -> None:
    asked = server(always(200, {"status": "pending", "detail": "", "records": []}))
    assert 4 == asked.run("domains", "verify", "dom_1", "--wait", "0").exit_code


EVENTS = (
    'id: a\nevent: stream.ready\ndata: {"type":"stream.ready","created_at":"t"}\n\n: still here\n'
    'id: b\nevent: x\ndata: {"type":"x","created_at":"t"}\n\n'
)


def test_following_goes_on_where_the_stream_broke(server: Callable[[Answers], Asked]) -> None:
    asked = server(lambda request: httpx2.Response(200, text=EVENTS))
    done = asked.run("events", "follow", "--json", "--count", "2")
    assert [None, "b"] == [one.url.params.get("after") for one in asked.requests]
    assert ["stream.ready", "x"] * 2 == [json.loads(line)["type"] for line in done.stdout.splitlines()]


def test_following_for_a_time_ends_with_a_code_where_too_few_came(server: Callable[[Answers], Asked]) -> None:
    asked = server(lambda request: httpx2.Response(200, text=EVENTS))
    done = asked.run("events", "follow", "--count", "100000", "--seconds", "0.05")
    assert (4, True) == (done.exit_code, "t  x" in done.stdout)


class Silence(httpx2.SyncByteStream):
    """A stream that is ready, gives signs of life, and has nothing to tell."""

    def __iter__(self) -> Iterator[bytes]:
        yield EVENTS[: EVENTS.index(": still")].encode()
        for _ in range(500):
            time.sleep(0.02)
            yield b": still here\n\n"


def test_following_ends_in_time_though_nothing_happens(server: Callable[[Answers], Asked]) -> None:
    asked = server(lambda request: httpx2.Response(200, stream=Silence()))
    begun = time.monotonic()
    done = asked.run("events", "follow", "--seconds", "0.2")
    assert (0, "", 1) == (done.exit_code, done.output, len(asked.requests))
    assert time.monotonic() - begun < 5


def test_a_stream_that_is_refused_is_told_as_any_refusal(server: Callable[[Answers], Asked]) -> None:
    error = {"code": "missing_permission", "message": "No.", "fix": "Ask.", "details": None}
    done = server(always(403, {"error": error})).run("events", "follow")
    assert (1, "mailwright: No. (missing_permission)\nmailwright: fix: Ask.\n") == (done.exit_code, done.stderr)


@pytest.mark.parametrize(("option", "value"), [("--key", "na\u00efve"), ("--key", "a\nb"), ("--url", "http://mail.test:x")])
def test_what_cannot_be_an_address_or_a_key_is_told_as_such(option: str, value: str) -> None:
    words = {"--url": "http://mail.test", "--key": "x"} | {option: value}
    done = CliRunner().invoke(cli, ["domains", "list", *(word for pair in words.items() for word in pair)])
    assert (2, 1) == (done.exit_code, done.stderr.count("mailwright: "))


def test_an_address_may_name_the_version(server: Callable[[Answers], Asked]) -> None:
    asked = server(always(200, {"items": [], "next_cursor": None}))
    CliRunner().invoke(cli, ["domains", "list", "--url", "http://mail.test/v1/", "--key", "x"])
    assert "/v1/domains" == asked.requests[-1].url.path


def test_what_is_no_json_is_written_as_it_is(server: Callable[[Answers], Asked], tmp_path: Path) -> None:
    octets = bytes(range(256))
    asked = server(lambda request: httpx2.Response(200, content=octets))
    assert octets == asked.run("messages", "raw", "msg_1").stdout_bytes
    asked.run("messages", "raw", "msg_1", "-o", str(tmp_path / "m.eml"))
    assert octets == (tmp_path / "m.eml").read_bytes()


# --- completion ---------------------------------------------------------------------------------------------------------


def test_ids_are_completed_by_what_people_call_them(server: Callable[[Answers], Asked]) -> None:
    server(always(200, {"items": [{"id": "mbx_1", "address": "ada@agents.test", "oversight_mode": "monitored"}]}))
    typed = {"our_url": "http://mail.test", "our_key": "x"}
    assert [("ada@agents.test", "monitored")] == completing.ids("mailbox_id", "ad", typed)
    assert [] == completing.ids("mailbox_id", "z", typed)


def test_completion_is_silent_where_there_is_no_server(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.delenv("MAILWRIGHT_URL", raising=False)
    assert ([], "") == (completing.ids("mailbox_id", "", {}), capsys.readouterr().err)


@pytest.mark.parametrize(
    ("shell", "asked"),
    [
        ("bash", {"COMP_WORDS": "mailwright messages s", "COMP_CWORD": "2"}),
        ("zsh", {"_TYPER_COMPLETE_ARGS": "mailwright messages s"}),
        ("fish", {"_TYPER_COMPLETE_ARGS": "mailwright messages s", "_TYPER_COMPLETE_FISH_ACTION": "get-args"}),
    ],
)
def test_shells_complete_commands(shell: str, asked: dict[str, str]) -> None:
    script = CliRunner().invoke(cli, ["completion", shell]).stdout
    env = os.environ | asked | {"_MAILWRIGHT_COMPLETE": f"complete_{shell}"}
    done = subprocess.run([sys.executable, "-m", "mailwright"], env=env, capture_output=True, text=True, timeout=30)
    assert ("_MAILWRIGHT_COMPLETE" in script, ["send", "show"]) == (
        True,
        [w for w in ("send", "show", "raw") if w in done.stdout],
    )
