"""Processes that examine incoming messages, so that the one that speaks SMTP and writes has a processor to itself.

Strangers' bytes are parsed in there: a process has no database, no keys and no other work; one that hangs or dies is replaced,
whether it had work or none, and the peers it kept waiting are asked to try again (S12, S30). A frame is its length (4 octets),
then MessagePack.
Not here: what examining is (core/examining.py).
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import mmap
import os
import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass

import msgspec
import structlog

from mailwright.core import errors
from mailwright.core.examining import Envelope, Examined, examine
from mailwright.core.ports import Resolver
from mailwright.net.resolver import Resolver as DnsResolver
from mailwright.net.resolver import ResolverOptions

log = structlog.get_logger()

PATIENCE = 30.0  # seconds that one message may take, DNS included
AGAIN = 1.0  # seconds between two tries to start a process
BRIEF = 10.0  # seconds: the next one of a process that lived no longer has to wait
HEAD = 4


@dataclass(frozen=True, slots=True)
class _Question:
    number: int
    envelope: Envelope
    raw: bytes = b""
    path: str = ""  # instead of `raw`: the file of a large message


@dataclass(frozen=True, slots=True)
class _Answer:
    number: int
    examined: Examined | None = None
    refusal: str | None = None  # the name of a class of core.errors
    message: str = ""


_encode = msgspec.msgpack.Encoder().encode
_questions = msgspec.msgpack.Decoder(_Question)
_answers = msgspec.msgpack.Decoder(_Answer)


class _Frames(asyncio.Protocol):
    """Both ends of the line: whole frames in, whole frames out."""

    def __init__(self, take: Callable[[bytes], None], lost: Callable[[], None]) -> None:
        self._take, self._lost = take, lost
        self._held = bytearray()
        self._transport: asyncio.WriteTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The line stands."""
        self._transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        """Give on every frame that is whole now."""
        held = self._held
        held += data
        at = 0
        while len(held) - at >= HEAD:
            end = at + HEAD + int.from_bytes(held[at : at + HEAD], "big")
            if len(held) < end:
                break
            self._take(bytes(held[at + HEAD : end]))
            at = end
        del held[:at]

    def connection_lost(self, exc: Exception | None) -> None:
        """The other end is gone."""
        self._lost()

    def send(self, content: object) -> None:
        """One frame."""
        body = _encode(content)
        if self._transport is not None:
            self._transport.write(len(body).to_bytes(HEAD, "big") + body)

    def close(self) -> None:
        """Hang up."""
        if self._transport is not None:
            self._transport.close()


class _Process:
    """One examining process and the line to it."""

    def __init__(self, died: Callable[[_Process], None]) -> None:
        """`died` is told when the line to it ends, unless we ended it."""
        self._died = died
        self.waiting: dict[int, asyncio.Future[Examined]] = {}
        self._line: _Frames | None = None
        self._child: asyncio.subprocess.Process | None = None
        self._over = False
        self.since = 0.0  # of the loop's clock

    @property
    def alive(self) -> bool:
        """Whether it takes messages."""
        return self._line is not None and not self._over

    async def start(self, options: ResolverOptions) -> None:
        """Start it; it ends by itself when this process does, since the line ends."""
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        try:
            with theirs:
                told = msgspec.json.encode(options).decode()
                command = (sys.executable, "-m", "mailwright.examiners", str(theirs.fileno()), told)
                self._child = await asyncio.create_subprocess_exec(
                    *command, pass_fds=(theirs.fileno(),), stdin=asyncio.subprocess.DEVNULL
                )
            loop = asyncio.get_running_loop()
            self.since = loop.time()
            _, self._line = await loop.create_connection(lambda: _Frames(self._answered, self._lost), sock=ours)
        except BaseException:
            ours.close()
            if self._child is not None:
                self._child.kill()
            raise

    def ask(self, question: _Question) -> asyncio.Future[Examined]:
        """Send a question on its way."""
        answer: asyncio.Future[Examined] = asyncio.get_running_loop().create_future()
        self.waiting[question.number] = answer
        assert self._line is not None
        self._line.send(question)
        return answer

    def _answered(self, frame: bytes) -> None:
        answer = _answers.decode(frame)
        future = self.waiting.pop(answer.number, None)
        if future is None or future.done():
            return
        if answer.examined is not None:
            future.set_result(answer.examined)
        else:
            refusal = getattr(errors, answer.refusal or "", errors.ExaminationFailed)
            future.set_exception(refusal(answer.message))

    def _lost(self) -> None:
        ended_by_itself, self._over = not self._over, True
        for future in self.waiting.values():
            if not future.done():
                future.set_exception(errors.ExaminationFailed())
        self.waiting.clear()
        if ended_by_itself:
            self._died(self)

    def kill(self) -> None:
        """End it, whatever it is doing."""
        self._over = True
        if self._line is not None:
            self._line.close()
        if self._child is not None and self._child.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._child.kill()

    async def gone(self) -> None:
        """Wait until it has ended."""
        if self._child is not None:
            await self._child.wait()


class Examiners:
    """`core.ports.Examiner` over some processes; the one with the fewest messages in hand gets the next."""

    def __init__(self, count: int, options: ResolverOptions) -> None:
        self._options = options
        self._processes = [_Process(self._died) for _ in range(count)]
        self._numbers = itertools.count(1)
        self._mending: set[asyncio.Task[None]] = set()
        self._closed = asyncio.Event()

    async def start(self) -> None:
        """Start all of them."""
        await asyncio.gather(*(process.start(self._options) for process in self._processes))

    async def examine(self, raw: bytes, envelope: Envelope) -> Examined:
        """Have a message examined; raises ExaminationFailed where its process hung or died."""
        return await self._ask(_Question(next(self._numbers), envelope, raw))

    async def examine_file(self, path: str, envelope: Envelope) -> Examined:
        """As `examine`, of a file that the process reads by itself."""
        return await self._ask(_Question(next(self._numbers), envelope, path=path))

    async def _ask(self, question: _Question) -> Examined:
        alive = [process for process in self._processes if process.alive]
        if not alive:
            raise errors.ExaminationFailed
        process = min(alive, key=lambda one: len(one.waiting))
        try:
            async with asyncio.timeout(PATIENCE):
                return await process.ask(question)
        except TimeoutError:
            envelope = question.envelope
            log.error("examiner.hangs", ip=envelope.peer.ip, mail_from=envelope.mail_from)
            self._replace(process)
            raise errors.ExaminationFailed from None

    @property
    def ready(self) -> bool:
        """Whether there is a process that takes messages now."""
        return any(process.alive for process in self._processes)

    def _died(self, process: _Process) -> None:
        log.error("examiner.died")
        self._replace(process)

    def _replace(self, broken: _Process) -> None:
        if self._closed.is_set() or broken not in self._processes:
            return
        fresh = _Process(self._died)
        self._processes[self._processes.index(broken)] = fresh
        broken.kill()
        task = asyncio.create_task(self._mend(broken, fresh))
        self._mending.add(task)
        task.add_done_callback(self._mending.discard)

    async def _mend(self, broken: _Process, fresh: _Process) -> None:
        """Start the fresh one, however often that fails: a system short of memory or processes now has some again later."""
        await broken.gone()
        # One that dies as soon as it stands must not keep us busy with starting it.
        pause = AGAIN if asyncio.get_running_loop().time() - broken.since < BRIEF else 0.0
        while not await self._closes_within(pause):
            try:
                await fresh.start(self._options)
                return
            except Exception as wrong:
                log.error("examiner.not_started", reason=str(wrong))
            pause = AGAIN

    async def _closes_within(self, seconds: float) -> bool:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._closed.wait(), seconds)
        return self._closed.is_set()

    async def close(self) -> None:
        """End all of them."""
        self._closed.set()
        for process in self._processes:
            process.kill()
        await asyncio.gather(*self._mending, return_exceptions=True)
        for process in self._processes:  # and those that were just being started
            process.kill()
        await asyncio.gather(*(process.gone() for process in self._processes), return_exceptions=True)


class Here:
    """`core.ports.Examiner` without processes, for the smallest servers: what takes too long is given up, but not ended."""

    ready = True

    def __init__(self, resolver: Resolver) -> None:
        self._resolver = resolver

    async def examine(self, raw: bytes, envelope: Envelope) -> Examined:
        """Have a small message examined on the loop."""
        return await self._in_time(_Question(0, envelope, raw))

    async def examine_file(self, path: str, envelope: Envelope) -> Examined:
        """Have a large one examined in a thread; raises ExaminationFailed where that takes too long."""
        return await self._in_time(_Question(0, envelope, path=path))

    async def _in_time(self, question: _Question) -> Examined:
        try:
            async with asyncio.timeout(PATIENCE):
                return await _verdict(question, self._resolver)
        except TimeoutError:
            log.error("examiner.hangs", ip=question.envelope.peer.ip, mail_from=question.envelope.mail_from)
            raise errors.ExaminationFailed from None


# --- in the process -----------------------------------------------------------------------------------------------------


async def _serve(line: socket.socket, resolver: Resolver) -> None:
    over = asyncio.Event()
    tasks: set[asyncio.Task[None]] = set()

    async def answer(question: _Question) -> None:
        frames.send(await _examined(question, resolver))

    def take(frame: bytes) -> None:
        task = asyncio.create_task(answer(_questions.decode(frame)))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    line.setblocking(False)
    _, frames = await asyncio.get_running_loop().create_connection(lambda: _Frames(take, over.set), sock=line)
    await over.wait()


async def _examined(question: _Question, resolver: Resolver) -> _Answer:
    try:
        found = await _verdict(question, resolver)
    except errors.Refusal as refusal:
        return _Answer(question.number, refusal=type(refusal).__name__, message=refusal.message)
    except Exception as bug:  # a bug in a parser must not stop the mail of everybody else
        log.exception("examiner.crashed")
        return _Answer(question.number, refusal=errors.ExaminationFailed.__name__, message=f"internal: {type(bug).__name__}")
    return _Answer(question.number, found)


async def _verdict(question: _Question, resolver: Resolver) -> Examined:
    if not question.path:
        return await resolver.resolve(examine(question.raw, question.envelope))
    with open(question.path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as raw:  # noqa: ASYNC230
        return await resolver.resolve_aside(examine(raw, question.envelope))


def main() -> None:
    """The process: file descriptor of the line, then the resolver's options as JSON."""
    line = socket.socket(fileno=int(sys.argv[1]))
    options = msgspec.json.decode(sys.argv[2], type=ResolverOptions)
    os.setpgid(0, 0)  # a Ctrl-C at the terminal is for the server, which ends us when it is done

    async def run() -> None:
        await _serve(line, DnsResolver(options))

    try:
        import uvloop
    except ImportError:
        asyncio.run(run())
    else:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(run())


if __name__ == "__main__":
    main()
