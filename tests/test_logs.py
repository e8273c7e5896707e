"""The log: one line for each fact, no secrets, nothing that a stranger can begin a line with."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys

import pytest

FORGED = "2026-11-21T00:00:00Z [info     ] started"
SCRIPT = f"""
import asyncio, logging, structlog
from mailwright.logs import set_up_log
set_up_log("info", json_lines=JSON)
log = structlog.get_logger()
log.info("smtp.refused", reason="a\\r\\n{FORGED}", ids=("x\\n{FORGED}",))
try:
    raise ValueError("no\\r\\n{FORGED}\\u2028{FORGED}\\x85{FORGED} mw_live_abcdefghijklmnop")
except ValueError:
    log.exception("crashed", header="Authorization: Bearer mw_live_abcdefghijklmnop", key="mw_test_abcdefghijklmnop")
log.info("called", secret="whsec_YWJjZGVmZ2hpamtsbW5vcA==")
logging.getLogger("asyncio").error("Task exception was never retrieved\\n{FORGED} mw_live_abcdefghijklmnop")
logging.getLogger("chatty").info("nothing of weight")
"""


def lines(json_lines: bool) -> list[str]:
    script = SCRIPT.replace("JSON", str(json_lines))
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True, timeout=30)
    return done.stderr.decode().splitlines()


@pytest.mark.parametrize("json_lines", [False, True])
def test_s23_nothing_that_a_stranger_sent_begins_a_line(json_lines: bool) -> None:
    found = lines(json_lines)
    assert [] == [line for line in found if line.startswith(FORGED[:20])]
    begun = [line for line in found if not line.startswith(" ")]
    assert 4 == len(begun), begun


@pytest.mark.parametrize("json_lines", [False, True])
def test_s28_no_secret_of_ours_stands_in_a_line(json_lines: bool) -> None:
    text = "\n".join(lines(json_lines))
    assert "abcdefgh" not in text
    assert "YWJj" not in text
    assert text.count("mw_live_[left out]") >= 2


def test_what_libraries_say_is_a_line_like_any_other() -> None:
    told = json.loads(lines(True)[-1])
    assert ("library", "asyncio", "error") == (told["event"], told["logger"], told["level"])
    assert told["said"].startswith("Task exception was never retrieved")


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_line_is_written_at_once_so_that_no_other_process_writes_into_it(unbuffered: str) -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)  # where each write stays what it was
    ours.setblocking(False)
    with ours, theirs:
        command = [sys.executable, "-c", SCRIPT.replace("JSON", "True")]
        environ = {**os.environ, "PYTHONUNBUFFERED": unbuffered}
        subprocess.run(command, stderr=theirs, env=environ, check=True, timeout=30)
        written = [ours.recv(1 << 16) for _ in range(4)]
        assert [1] * 4 == [one.count(b"\n") for one in written]
        assert all(one.endswith(b"}\n") for one in written)
