"""What we tell systemd, and what it gives us."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from mailwright.system import supervisor


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A supervisor's socket."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
        line.bind(str(tmp_path / "notify"))
        line.settimeout(5)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        yield line


def test_states_are_told_as_one_datagram(told):
    supervisor.notify("READY=1", "STATUS=Up")
    assert b"READY=1\nSTATUS=Up" == told.recv(1000)


def test_an_abstract_socket_is_reached(monkeypatch):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
        line.bind(f"\0mailwright-test-{os.getpid()}")
        monkeypatch.setenv("NOTIFY_SOCKET", f"@mailwright-test-{os.getpid()}")
        supervisor.notify("READY=1")
        assert b"READY=1" == line.recv(100)


def test_reloading_says_when_it_began(told):
    supervisor.reloading()
    first, second = told.recv(1000).decode().split("\n")
    assert ("RELOADING=1", True) == (first, second.removeprefix("MONOTONIC_USEC=").isdecimal())


@pytest.mark.parametrize("place", [None, "", "/nowhere/at/all"])
def test_where_nobody_listens_nothing_happens(monkeypatch, place):
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    if place is not None:
        monkeypatch.setenv("NOTIFY_SOCKET", place)
    supervisor.notify("READY=1")


async def test_the_watchdog_is_fed_three_times_as_often_as_asked(told, monkeypatch):
    monkeypatch.setenv("WATCHDOG_USEC", "300000")
    stop = asyncio.Event()
    feeding = asyncio.create_task(supervisor.watchdog(stop))
    await asyncio.sleep(0.35)
    stop.set()
    await feeding
    told.setblocking(False)
    count = 0
    while True:
        try:
            assert b"WATCHDOG=1" == told.recv(100)
        except BlockingIOError:
            break
        count += 1
    assert 3 <= count <= 5


@pytest.mark.parametrize("asked", [{}, {"WATCHDOG_USEC": "soon"}, {"WATCHDOG_USEC": "1000", "WATCHDOG_PID": "1"}])
async def test_a_watchdog_that_is_not_ours_is_not_fed(monkeypatch, asked):
    for name, value in asked.items():
        monkeypatch.setenv(name, value)
    await asyncio.wait_for(supervisor.watchdog(asyncio.Event()), 10)


def test_sockets_of_another_process_are_left_alone():
    environ = {"LISTEN_PID": "1", "LISTEN_FDS": "1", "LISTEN_FDNAMES": "api"}
    assert ({}, {}) == (supervisor.given_sockets(environ), environ)


def test_given_sockets_are_found_by_their_names():
    """As systemd hands them over: descriptors from 3 on, and the process id of whoever is to take them."""
    program = (
        "import os; os.environ['LISTEN_PID'] = str(os.getpid())\n"
        "from mailwright.system.supervisor import given_sockets\n"
        "found = given_sockets()\n"
        "print({name: one.getsockname()[1] for name, one in found.items()}, 'LISTEN_FDS' in os.environ)"
    )
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as other:
        ports = one.getsockname()[1], other.getsockname()[1]
        start = (
            "import os, sys\n"
            f"a, b = os.dup2({one.fileno()}, 60), os.dup2({other.fileno()}, 61)\n"
            "os.dup2(a, 3); os.dup2(b, 4)\n"
            f"os.execv(sys.executable, [sys.executable, '-c', {program!r}])"
        )
        done = subprocess.run(
            [sys.executable, "-c", start],
            env={**os.environ, "LISTEN_FDS": "2", "LISTEN_FDNAMES": "smtp:api"},
            pass_fds=(one.fileno(), other.fileno()),
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
        )
    assert f"{{'smtp': {ports[0]}, 'api': {ports[1]}}} False" == done.stdout.strip(), done.stderr
