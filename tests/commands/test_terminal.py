"""The command line on a real terminal, asking a real server: tables, questions, progress, completion, Ctrl-C."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from time import sleep
from typing import Any

import pytest
from live.local import Local
from live.rest import eventually
from live.terminal import CTRL_C, CTRL_D, TAB, Terminal, terminal

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

LONG = "Tea at four, or at five if that suits you better, with cake"
BASH = ("/bin/bash", "--norc", "--noprofile", "-i")


class Person:
    """Somebody at a terminal, with one key of a world."""

    def __init__(self, world: Local, role: str, home: Path) -> None:
        self.world, self.mailbox = world, world.ready["mailbox_id"]
        key = world.ready[f"{role}_key"]
        self.env = {"MAILWRIGHT_URL": world.ready["api_url"], "MAILWRIGHT_KEY": key, "HOME": str(home)}

    def runs(self, *words: str, columns: int = 80, **env: str) -> AbstractContextManager[Terminal]:
        return terminal((sys.executable, "-m", "mailwright", *words), self.env | env, columns=columns)

    def sees(self, *words: str, columns: int = 80, **env: str) -> Terminal:
        with self.runs(*words, columns=columns, **env) as shown:
            assert 0 == shown.end(), shown.text
            return shown

    def pipes(self, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
        command = (sys.executable, "-m", "mailwright", *words)
        return subprocess.run(command, env=self.env | env, capture_output=True, text=True, timeout=60, check=False)

    def json(self, *words: str) -> Any:
        done = self.pipes(*words, "--json")
        assert 0 == done.returncode, done.stderr
        return json.loads(done.stdout)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Local]:
    local = Local(tmp_path_factory.mktemp("world"), "--no-tour")
    sent = local.api.send({"id": local.ready["mailbox_id"]}, "success@simulator.test", subject=LONG)
    local.api.settled(sent["message_id"], "delivered")
    yield local
    local.end()


@pytest.fixture
def operator(world: Local, tmp_path: Path) -> Person:
    return Person(world, "operator", tmp_path)


@pytest.fixture
def approver(world: Local, tmp_path: Path) -> Person:
    return Person(world, "approver", tmp_path)


# --- tables -------------------------------------------------------------------------------------------------------------

LISTS = ["domains", "agents", "mailboxes", "messages", "threads", "events", "suppressions", "keys", "audit"]


@pytest.mark.parametrize("group", LISTS)
def test_a_list_is_a_table_of_one_line_each_within_80_columns(operator: Person, group: str) -> None:
    words = [group, "list", *(["--after", "start"] if group == "events" else [])]
    items = operator.json(*words)["items"]
    lines = operator.sees(*words).lines
    assert (1 + len(items), True) == (len(lines), max(map(len, lines)) <= 80), lines
    if "id" in items[0]:
        assert [one["id"] for one in items] == [line.split()[-1] for line in lines[1:]]


def test_a_text_is_cut_an_id_never_and_a_wider_terminal_shows_more(operator: Person) -> None:
    narrow, wider = operator.sees("messages", "list"), operator.sees("messages", "list", columns=160)
    message = operator.json("messages", "list")["items"][-1]
    assert ["…" in one.text for one in (narrow, wider)] == [True, False]
    assert [message["message_id"] in one.text for one in (narrow, wider)] == [True, True]
    assert [LONG in one.text for one in (narrow, wider)] == [False, True]
    assert ["timestamp" in one.text for one in (narrow, wider)] == [False, True]


def test_where_no_table_fits_things_stand_one_below_the_other(operator: Person) -> None:
    assert f"subject: {LONG}" in operator.sees("messages", "list", columns=50).text


def test_records_to_publish_are_shown_whole(operator: Person) -> None:
    told = operator.json("domains", "show", "agents.test")["dns_records"]
    shown = "".join(operator.sees("domains", "show", "agents.test").text.split())
    short = [one["value"] for one in told if len(one["value"]) < 40]
    assert [] == [value for value in short if value.replace(" ", "") not in shown]


# --- what programs see --------------------------------------------------------------------------------------------------


def test_no_color_is_none_and_color_is_only_for_a_terminal(operator: Person) -> None:
    assert "\x1b[1m" in operator.sees("domains", "list").shown
    assert "\x1b" not in operator.sees("domains", "list", NO_COLOR="1").shown
    assert "\x1b" not in operator.sees("domains", "list", TERM="dumb").shown
    piped = operator.pipes("messages", "list")
    assert ("", False, True) == (piped.stderr, "\x1b" in piped.stdout, LONG in piped.stdout)


def test_json_is_json_on_a_terminal_too(operator: Person) -> None:
    shown = operator.sees("messages", "list", "--json").shown
    assert [LONG] == [one["subject"] for one in json.loads(shown)["items"]][-1:]


def test_who_reads_only_the_beginning_ends_it_quietly(operator: Person) -> None:
    command = f"{sys.executable} -m mailwright audit list --all --json | head -1"
    done = subprocess.run(["/bin/bash", "-c", command], env=operator.env, capture_output=True, text=True, timeout=60)
    assert (1, "") == (done.stdout.count("\n"), done.stderr)


# --- questions ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("keys", "status"), [("n\n", 1), ("\n", 1), (CTRL_D, 1), (CTRL_C, 130)])
def test_what_destroys_asks_first(operator: Person, keys: str, status: int) -> None:
    with operator.runs("mailboxes", "remove", "ada@agents.test") as shown:
        shown.until("Go on? [y/N]")
        shown.type(keys)
        assert (status, False) == (shown.end(), "Traceback" in shown.text)
    assert "active" == operator.json("mailboxes", "show", "ada@agents.test")["status"]


def test_a_key_is_asked_for_and_not_shown(operator: Person, world: Local, tmp_path: Path) -> None:
    with operator.runs("login", world.ready["api_url"]) as shown:
        shown.until("API key:")
        shown.type(world.ready["agent_key"] + "\n")
        assert 0 == shown.end()
    assert world.ready["agent_key"] not in shown.text
    with operator.runs("login", world.ready["api_url"]) as shown:
        shown.until("API key:")
        shown.type(CTRL_C)
        assert (130, False) == (shown.end(), "Traceback" in shown.text)


def test_an_approval_shows_all_of_what_is_approved(operator: Person, approver: Person, world: Local) -> None:
    operator.json("mailboxes", "change", operator.mailbox, "--oversight-mode", "gated_send")
    try:
        more = {"text": "Dear Bob,\nplease sign.", "html": "<p>Pay at <a href='http://evil.test'>once</a>"}
        file = {"filename": "contract.txt", "content_type": "text/plain", "content": "eA=="}
        held = world.api.send(
            {"id": operator.mailbox}, "success@simulator.test", subject="Contract", attachments=[file], **more
        )
    finally:
        operator.json("mailboxes", "change", operator.mailbox, "--oversight-mode", "autonomous")
    with approver.runs("approvals", "approve", held["approval_id"]) as shown:
        shown.until("[y/N]")
        seen = shown.text
        shown.type("n\n")
        assert 1 == shown.end()
    parts = ["success@simulator.test", "Contract", "please sign.", "http://evil.test", "contract.txt", held["approval_id"]]
    assert [] == [part for part in parts if part not in seen]
    assert "pending" == approver.json("approvals", "show", held["approval_id"])["status"]
    with approver.runs("approvals", "approve", held["approval_id"]) as shown:
        shown.until("[y/N]")
        shown.type("y\n")
        assert 0 == shown.end()
    assert "approved" == approver.json("approvals", "show", held["approval_id"])["status"]


# --- what takes long ----------------------------------------------------------------------------------------------------


def test_progress_is_a_line_that_is_gone_in_the_end(operator: Person) -> None:
    shown = operator.sees("audit", "list", "--all", "--limit", "2")
    assert "2 read" in shown.shown
    assert "\r\x1b[K" == shown.shown[: shown.shown.index("at ")].rpartition("read")[2].replace("\x1b[1m", "")
    assert "" == operator.pipes("audit", "list", "--all", "--limit", "2").stderr


def test_following_shows_events_as_they_happen_and_ends_with_ctrl_c(operator: Person, world: Local) -> None:
    with operator.runs("events", "follow", "--after", "start") as shown:
        shown.until("message.delivered")
        world.api.send({"id": operator.mailbox}, "success@simulator.test", subject="While they look on")
        shown.until("subject=While they look on")
        shown.type(CTRL_C)
        assert (130, False) == (shown.end(), "Traceback" in shown.text)


def test_following_into_a_pipe_says_each_event_at_once(operator: Person, world: Local) -> None:
    command = (sys.executable, "-m", "mailwright", "events", "follow", "--json", "--count", "1")
    with subprocess.Popen(command, env=operator.env, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert "stream.ready" == json.loads(process.stdout.readline())["type"]
        world.api.send({"id": operator.mailbox}, "success@simulator.test")
        assert "message.queued" == json.loads(process.stdout.readline())["type"]
        assert 0 == process.wait(30)


def test_ctrl_c_ends_the_wait_for_a_silent_server(operator: Person) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(30)
        with operator.runs("domains", "list", "--url", f"http://127.0.0.1:{silent.getsockname()[1]}") as shown:
            silent.accept()[0].recv(100)
            shown.type(CTRL_C)
            assert (130, False) == (shown.end(), "Traceback" in shown.text)


def test_ctrl_c_ends_the_wait_for_a_text_that_is_typed(operator: Person) -> None:
    before = len(operator.json("messages", "list")["items"])
    with operator.runs("messages", "send", "ada@agents.test", "--to", "success@simulator.test", "--text", "-") as shown:
        shown.until("Ctrl-D")
        shown.type("Dear Bob,\n")
        shown.until("Dear Bob,")
        sleep(0.3)  # until it reads again: Python takes no note of what is pressed between two reads before the next one
        shown.type(CTRL_C)
        assert (130, False) == (shown.end(), "Traceback" in shown.text)
    assert before == len(operator.json("messages", "list")["items"])


# --- completion ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def shell(operator: Person) -> Iterator[Terminal]:
    path = f"{Path(sys.executable).parent}:/usr/bin:/bin"
    with terminal(BASH, operator.env | {"PATH": path, "PS1": "$ ", "INPUTRC": "/dev/null"}) as bash:
        bash.type('bind "set enable-bracketed-paste off"; eval "$(mailwright completion bash)"; echo "rea""dy"\n')
        bash.until("ready\n$ ")
        yield bash
        bash.type(CTRL_C + "exit\n")


@pytest.mark.skipif(not Path("/bin/bash").exists(), reason="there is no bash")
@pytest.mark.parametrize(
    ("typed", "completed"),
    [
        ("mailwright mailb", "oxes "),
        ("mailwright messages tim", "eline "),
        ("mailwright mailboxes show ad", "a@agents.test "),
        ("mailwright messages list --mailb", "ox-id "),
        ("mailwright messages list --mailbox-id a", "da@agents.test "),
        ("mailwright messages list --direction in", "bound "),
    ],
)
def test_bash_completes_verbs_options_choices_and_names(shell: Terminal, typed: str, completed: str) -> None:
    shell.type(typed + TAB)
    shell.until(typed + completed)


@pytest.mark.skipif(not Path("/bin/bash").exists(), reason="there is no bash")
def test_bash_shows_what_there_is_to_choose_from(shell: Terminal) -> None:
    shell.type("mailwright approvals " + TAB + TAB)
    eventually(lambda: shell.until("show") or True, 30)
    assert ["approve", "reject", "list", "show"] == [w for w in ("approve", "reject", "list", "show") if w in shell.text]
