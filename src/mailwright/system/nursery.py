"""Where processes of ours come from: copies of one that has imported everything, so that they share its pages.

A module takes 40 MB to be imported with all that it needs; a copy needs some 5 MB of its own, and is there in milliseconds.
The nursery imports, does nothing else, has no thread and no loop, and forks when it is asked (`tend`). A server that starts
becomes two before it has threads of its own (`Nursery.copied`); where that is too late, or the nursery died, another Python is
started (`Nursery.birth`). It ends when nobody can ask it any more, and sees to it that nobody outlives that for long.
Not here: what the processes do, and who replaces them (processes.py).
"""

from __future__ import annotations

import asyncio
import gc
import importlib
import os
import select
import signal
import socket
import sys
import time
import traceback
from collections.abc import Sequence
from contextlib import suppress
from typing import NoReturn

from mailwright.system.machine import settle_memory

LINGER = 3.0  # seconds that processes get to end by themselves once their server is gone
PATIENCE = 30.0  # seconds until a nursery must have answered: a fresh one imports first
IGNORED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)  # for the main process, which ends the others
_ROOM = 1024


class Child:
    """A process that was started for us. It is known by a file descriptor: its number may be another's by now."""

    def __init__(self, pid: int, handle: int) -> None:
        """`handle` becomes readable when it ends."""
        self.pid = pid
        self._handle = handle
        self._gone = asyncio.Event()
        asyncio.get_running_loop().add_reader(handle, self._ended)

    def _ended(self) -> None:
        asyncio.get_running_loop().remove_reader(self._handle)
        os.close(self._handle)
        self._gone.set()

    @property
    def over(self) -> bool:
        """Whether it has ended."""
        return self._gone.is_set()

    def kill(self) -> None:
        """End it, whatever it is doing."""
        if not self._gone.is_set():
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._handle, signal.SIGKILL)

    async def gone(self) -> None:
        """Wait until it has ended."""
        await self._gone.wait()


class Nursery:
    """The main process's end."""

    def __init__(self, modules: Sequence[str]) -> None:
        """For processes that run these modules. Nothing is started before the first of them is wanted."""
        self._modules = tuple(modules)
        self._control: socket.socket | None = None
        self._pid = 0  # of a nursery that is our copy
        self._process: asyncio.subprocess.Process | None = None  # one that is not
        self._born: tuple[Child, ...] = ()
        self._turn = asyncio.Lock()
        self._closed = False

    @classmethod
    def copied(cls, modules: Sequence[str]) -> Nursery:
        """A nursery that is a copy of this process, which has no thread and no loop yet."""
        nursery = cls(modules)
        _prepare(modules)
        ours, theirs = _pair()
        pid = os.fork()
        if pid == 0:
            # What else was opened by now, listening sockets above all, is not for strangers' company.
            os.closerange(3, theirs.fileno())
            os.closerange(theirs.fileno() + 1, os.sysconf("SC_OPEN_MAX"))
            tend(theirs)
        theirs.close()
        nursery._control, nursery._pid = ours, pid
        ours.setblocking(False)
        return nursery

    async def birth(self, module: str, *handed: socket.socket) -> Child:
        """Start a process that runs that module and is given these sockets. Raises OSError."""
        async with self._turn:
            if self._control is not None:
                try:
                    return await self._asked(self._control, module, handed)
                except ConnectionError:
                    self._bury()
            if self._closed:
                raise ConnectionError("no process is started any more")
            self._control = await self._another()
            return await self._asked(self._control, module, handed)

    async def _asked(self, control: socket.socket, module: str, handed: Sequence[socket.socket]) -> Child:
        socket.send_fds(control, [module.encode()], [one.fileno() for one in handed])
        loop, answered = asyncio.get_running_loop(), asyncio.Event()
        loop.add_reader(control, answered.set)
        try:
            async with asyncio.timeout(PATIENCE):
                await answered.wait()
        except BaseException:
            self._bury()  # an answer that comes after all would be taken for that to the next question
            raise
        finally:
            loop.remove_reader(control)
        said, handles, _, _ = socket.recv_fds(control, _ROOM, 1)
        if not said:
            raise ConnectionResetError("the nursery died")
        if not handles:
            raise OSError(said.decode("utf-8", "replace"))
        child = Child(int(said), handles[0])
        self._born = (*(one for one in self._born if not one.over), child)
        return child

    def living(self) -> list[int]:
        """The numbers of those that were born here and live, also of those whose nursery died: they are nobody's below us."""
        return [one.pid for one in self._born if not one.over]

    async def _another(self) -> socket.socket:
        ours, theirs = _pair()
        with theirs:
            command = (sys.executable, "-m", __name__, str(theirs.fileno()), *self._modules)
            quiet = asyncio.subprocess.DEVNULL
            self._process = await asyncio.create_subprocess_exec(*command, pass_fds=[theirs.fileno()], stdin=quiet)
        ours.setblocking(False)
        return ours

    def _bury(self) -> None:
        if self._control is not None:
            self._control.close()
            self._control = None
        if self._pid:
            with suppress(ChildProcessError):
                os.waitpid(self._pid, os.WNOHANG)
            self._pid = 0

    def close(self) -> None:
        """Start no more; it ends when those have ended that it started."""
        self._closed = True
        self._bury()


def _pair() -> tuple[socket.socket, socket.socket]:
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)


def _prepare(modules: Sequence[str]) -> None:
    for name in modules:
        importlib.import_module(name)
    settle_memory()  # and to look at an object is to write into its page


# --- in the nursery -------------------------------------------------------------------------------------------------------


def tend(control: socket.socket) -> NoReturn:
    """The whole of a nursery: start a copy for whoever asks, until nobody can ask any more."""
    for number in IGNORED:
        signal.signal(number, signal.SIG_IGN)
    gc.disable()
    control.setblocking(True)
    children: dict[int, int] = {}  # their numbers, by what becomes readable when they end
    events = select.poll()
    events.register(control, select.POLLIN)
    while True:
        for ready, _ in events.poll():
            if ready != control.fileno():
                events.unregister(ready)
                _reap(children, ready)
            elif (handle := _bear(control, children)) is not None:
                events.register(handle, select.POLLIN)


def _bear(control: socket.socket, children: dict[int, int]) -> int | None:
    try:
        said, handed, _, _ = socket.recv_fds(control, _ROOM, 2)
    except ConnectionError:
        said = b""
    if not said:
        _see_them_off(children)
        os._exit(0)
    pid = 0
    try:
        pid = os.fork()
        if pid == 0:
            _live(said.decode(), handed, [control.fileno(), *children])
        handle = os.pidfd_open(pid)
    except OSError as wrong:  # S21: no process, or no file descriptor, is left for it
        if pid:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        with suppress(OSError):
            control.send((wrong.strerror or "nobody knows why").encode())
        return None
    finally:
        for one in handed:
            os.close(one)
    children[handle] = pid
    with suppress(OSError):  # then nobody is there to be told, and the line of the one that was born ends at once
        socket.send_fds(control, [str(pid).encode()], [handle])
    return handle


def _live(module: str, handed: Sequence[int], others: Sequence[int]) -> NoReturn:
    """The whole of a process: what its module calls `main`, which need not return."""
    try:
        for number in others:
            os.close(number)
        gc.enable()
        importlib.import_module(module).main(*(socket.socket(fileno=one) for one in handed))
        os._exit(0)
    except BaseException:
        traceback.print_exc()
    os._exit(1)


def _reap(children: dict[int, int], handle: int) -> None:
    os.waitpid(children.pop(handle), 0)
    os.close(handle)


def _see_them_off(children: dict[int, int]) -> None:
    """Our server is gone, and their lines to it with it: they end by themselves, but for one that hangs."""
    deadline = time.monotonic() + LINGER
    while children:
        left = deadline - time.monotonic()
        ready, _, _ = select.select(list(children), [], [], max(0.0, left))
        for handle in ready or list(children):
            if not ready:
                os.kill(children[handle], signal.SIGKILL)
            _reap(children, handle)


if __name__ == "__main__":
    _prepare(sys.argv[2:])
    tend(socket.socket(fileno=int(sys.argv[1])))
