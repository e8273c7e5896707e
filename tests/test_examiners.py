"""Messages examined in processes of their own: the same verdicts, and nothing lost where a process hangs or dies."""

from __future__ import annotations

import asyncio
import os
import signal

import pytest

from mailwright import examiners
from mailwright.core.errors import ExaminationFailed, UnusableMessage
from mailwright.core.examining import Envelope, Peer, examine
from mailwright.examiners import Examiners
from mailwright.mail.questions import Zone, answer
from mailwright.net.resolver import ResolverOptions
from mailwright.testing.dns import serve_zone

pytestmark = pytest.mark.slow  # each starts a process

ZONE = Zone.parse(
    """
    there.example TXT v=spf1 ip4:192.0.2.1 -all
    _dmarc.there.example TXT v=DMARC1; p=reject
    """
)
ENVELOPE = Envelope(Peer("192.0.2.1", "mx.there.example"), "bob@there.example", ("ada@here.example",), "mx.here.example", 0)
MESSAGE = b"From: Bob <bob@there.example>\r\nTo: ada@here.example\r\nSubject: Tea?\r\n\r\nAt four?\r\n"


@pytest.fixture
async def one():
    dns = await serve_zone(ZONE)
    found = Examiners(1, ResolverOptions((f"127.0.0.1:{dns.port}",)))
    await found.start()
    yield found
    await found.close()
    dns.close()


def pid_of(found: Examiners) -> int:
    child = found._processes[0]._child
    assert child is not None
    return child.pid


async def test_a_process_says_what_would_have_been_said_here(one):
    assert answer(examine(MESSAGE, ENVELOPE), ZONE) == await one.examine(MESSAGE, ENVELOPE)


async def test_many_at_once_each_get_their_own_answer(one):
    messages = [MESSAGE.replace(b"Tea?", b"Tea %d?" % n) for n in range(50)]
    found = await asyncio.gather(*(one.examine(message, ENVELOPE) for message in messages))
    assert [f"Tea {n}?" for n in range(50)] == [each.subject for each in found]


@pytest.fixture
def large(tmp_path):
    """The path of a message that is not carried about."""
    path = tmp_path / "large"
    path.write_bytes(MESSAGE + b"tea\r\n" * 100_000)
    return path


async def test_a_large_message_is_read_by_the_process_itself(one, large):
    assert answer(examine(large.read_bytes(), ENVELOPE), ZONE) == await one.examine_file(str(large), ENVELOPE)


async def test_a_large_message_that_hangs_is_given_up_with_its_process(one, large, monkeypatch):
    monkeypatch.setattr(examiners, "PATIENCE", 0.2)
    first = pid_of(one)
    os.kill(first, signal.SIGSTOP)
    with pytest.raises(ExaminationFailed):
        await one.examine_file(str(large), ENVELOPE)
    await until_alive(one)
    assert first != pid_of(one)


async def test_a_file_that_is_gone_is_no_end_of_the_process(one, tmp_path):
    with pytest.raises(ExaminationFailed):
        await one.examine_file(str(tmp_path / "gone"), ENVELOPE)
    assert "Tea?" == (await one.examine(MESSAGE, ENVELOPE)).subject


async def test_without_processes_a_large_message_has_its_time_as_well(large, monkeypatch):
    class Resolver:
        async def resolve(self, check):
            return answer(check, ZONE)

        resolve_aside = resolve

    class Stuck(Resolver):
        async def resolve_aside(self, check):
            await asyncio.sleep(60)

    expected = answer(examine(large.read_bytes(), ENVELOPE), ZONE)
    assert expected == await examiners.Here(Resolver()).examine_file(str(large), ENVELOPE)
    monkeypatch.setattr(examiners, "PATIENCE", 0.05)
    with pytest.raises(ExaminationFailed):
        await examiners.Here(Stuck()).examine_file(str(large), ENVELOPE)


async def test_a_refusal_comes_across_as_itself(one):
    with pytest.raises(UnusableMessage, match="2 From fields"):
        await one.examine(b"From: a@b.example\r\n" + MESSAGE, ENVELOPE)


async def test_who_waits_for_a_process_that_dies_is_asked_to_try_again_and_the_next_one_is_served(one, monkeypatch):
    os.kill(pid_of(one), signal.SIGSTOP)
    waiting = asyncio.create_task(one.examine(MESSAGE, ENVELOPE))
    await asyncio.sleep(0.05)
    os.kill(pid_of(one), signal.SIGKILL)
    with pytest.raises(ExaminationFailed):
        await waiting
    await until_alive(one)
    assert "Tea?" == (await one.examine(MESSAGE, ENVELOPE)).subject


async def test_a_process_that_hangs_is_replaced(one, monkeypatch):
    monkeypatch.setattr(examiners, "PATIENCE", 0.2)
    first = pid_of(one)
    os.kill(first, signal.SIGSTOP)
    with pytest.raises(ExaminationFailed):
        await one.examine(MESSAGE, ENVELOPE)
    await until_alive(one)
    monkeypatch.setattr(examiners, "PATIENCE", 10)
    assert "Tea?" == (await one.examine(MESSAGE, ENVELOPE)).subject
    assert first != pid_of(one)


async def test_the_process_ends_when_its_server_is_gone(one):
    process, pid = one._processes[0], pid_of(one)
    one._closed.set()  # as `close` does, but nobody kills it
    process._line.close()
    async with asyncio.timeout(5):
        assert 0 == await process._child.wait()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


async def test_one_that_dies_while_it_has_nothing_to_do_is_replaced(one):
    first = pid_of(one)
    os.kill(first, signal.SIGKILL)
    await until_gone(one)
    assert not one.ready
    await until_alive(one)
    assert one.ready
    assert "Tea?" == (await one.examine(MESSAGE, ENVELOPE)).subject
    assert first != pid_of(one)


async def test_a_process_that_can_not_be_started_is_tried_again(one, monkeypatch):
    monkeypatch.setattr(examiners, "AGAIN", 0.05)
    start, tries = asyncio.create_subprocess_exec, []

    async def short_of_processes(*command, **options):
        tries.append(command)
        if len(tries) < 3:
            raise BlockingIOError("Resource temporarily unavailable")
        return await start(*command, **options)

    monkeypatch.setattr(asyncio, "create_subprocess_exec", short_of_processes)
    os.kill(pid_of(one), signal.SIGKILL)
    await until_gone(one)
    await until_alive(one)
    assert 3 == len(tries)
    assert "Tea?" == (await one.examine(MESSAGE, ENVELOPE)).subject


async def test_nothing_is_started_any_more_once_it_is_closed(one, monkeypatch):
    monkeypatch.setattr(examiners, "AGAIN", 60)
    os.kill(pid_of(one), signal.SIGKILL)
    await until_gone(one)
    async with asyncio.timeout(5):
        await one.close()
    assert not one.ready


async def until_gone(found: Examiners) -> None:
    for _ in range(200):
        if not found._processes[0].alive:
            return
        await asyncio.sleep(0.01)
    raise AssertionError("the process did not end")


async def until_alive(found: Examiners) -> None:
    for _ in range(200):
        if found._processes[0].alive:
            return
        await asyncio.sleep(0.05)
    raise AssertionError("the process was not replaced")
