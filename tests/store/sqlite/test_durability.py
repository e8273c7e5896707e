"""What was acknowledged is there after the process was killed, and the log is copied while it runs."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from mailwright.core.errors import StorageBusy
from mailwright.core.ports import MessageFilter
from mailwright.store.blobs import IN_MEMORY
from mailwright.store.sqlite import FolderInUse, Options, open_store
from mailwright.store.sqlite.connection import FILE

from ..examples import AGENT, MAILBOX, MESSAGE, OURS, adding, ids, numbered

# Files messages as fast as it can, and says the number of each once it was acknowledged.
CHILD = """
import asyncio, sys
from dataclasses import replace
from pathlib import Path
from mailwright.store.sqlite import Options, open_store
from store.examples import EVENT, MAILBOX, MESSAGE, THREAD

async def main():
    store = await open_store(Path(sys.argv[1]), Options(checkpoint_size=500_000))
    await store.write(lambda tx: tx.mailboxes.add(MAILBOX))
    await store.write(lambda tx: tx.threads.add(THREAD))
    numbers = iter(range(1, 1_000_000))

    async def file(n):
        raw = str(n).encode() * 1000
        spool = store.blobs.spool()
        spool.write(raw if n % 50 else raw * 100)
        await store.blobs.settle(spool, f"blb_{n}")

        async def script(tx):
            await tx.blobs.add(f"blb_{n}", spool)
            uid, modseq = await tx.mailboxes.advance(MAILBOX.id, 1)
            row = replace(MESSAGE, id=f"msg_{n}", blob_id=f"blb_{n}", uid=uid, modseq=modseq, subject=f"word{n}x")
            await tx.messages.add(row)
            await tx.events.append(replace(EVENT, id=f"evt_{n}", data={"message_id": row.id}))

        await store.write(script)
        spool.discard()
        sys.stdout.buffer.write(b"%d\\n" % n)
        sys.stdout.buffer.flush()

    async def work():
        for n in numbers:
            await file(n)

    await asyncio.gather(*[work() for _ in range(20)])

asyncio.run(main())
"""


def acknowledged_before_a_kill(folder: Path, count: int) -> list[int]:
    """Let the child acknowledge that many messages, or a few more, and kill it; the numbers of those."""
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    child = subprocess.Popen([sys.executable, "-c", CHILD, str(folder)], stdout=subprocess.PIPE, env=environment)
    assert child.stdout is not None
    said = b""
    while said.count(b"\n") < count:
        chunk = os.read(child.stdout.fileno(), 65536)
        assert chunk, "the child ended by itself"
        said += chunk
    child.send_signal(signal.SIGKILL)
    said += child.stdout.read()
    child.stdout.close()
    child.wait()
    return [int(line) for line in said[: said.rindex(b"\n")].split()]


@pytest.mark.parametrize("count", [300, pytest.param(6000, marks=pytest.mark.slow)])
async def test_whatever_was_acknowledged_before_a_kill_is_there_after_it(tmp_path: Path, count: int) -> None:
    """I1, I7, I8."""
    acknowledged = acknowledged_before_a_kill(tmp_path, count)
    async with await open_store(tmp_path) as store:
        assert [] == await store.integrity()
        events = await store.browse(lambda tx: tx.events.after(OURS, 0, None, (), 1_000_000))
        assert set(acknowledged) <= {int(event.id[4:]) for event in events}
        uids = set()
        for n in acknowledged:
            message = await store.read(lambda tx, n=n: tx.messages.get(OURS, f"msg_{n}"))  # type: ignore[misc]
            assert message is not None
            uids.add(message.uid)
            raw = str(n).encode() * 1000
            assert bytes(await store.blobs.open(f"blb_{n}")) == (raw if n % 50 else raw * 100)
        assert len(uids) == len(acknowledged)
        mailbox = await store.read(lambda tx: tx.mailboxes.get(OURS, MAILBOX.id))
        assert mailbox is not None
        assert mailbox.uid_next > max(uids)
        for n in (acknowledged[0], acknowledged[-1]):
            words = MessageFilter(text=f"word{n}x")
            found = await store.browse(lambda tx, words=words: tx.messages.page(OURS, words, None, 9))  # type: ignore[misc]
            assert [str(n)] == ids(found)


async def test_everything_is_there_after_a_new_start(tmp_path: Path) -> None:
    large = b"x" * (IN_MEMORY + 1)
    async with await open_store(tmp_path) as store:
        await adding(store, "messages", *numbered(MESSAGE, 250, subject=lambda n: f"word{n}x"))
        spool = store.blobs.spool()
        spool.write(large)
        await store.blobs.settle(spool, "blb_1")
        await store.write(lambda tx: tx.blobs.add("blb_1", spool))
        await store.write(lambda tx: tx.messages.put(replace(MESSAGE, id="msg_3", subject="tea")))
    assert [FILE] == [name for name in os.listdir(tmp_path) if name.startswith(FILE)], "the log was put into the database"
    async with await open_store(tmp_path) as store:
        assert large == bytes(await store.blobs.open("blb_1"))
        for word, expected in (("word249x", ["249"]), ("word250x", ["250"]), ("word3x", []), ("tea", ["3"])):
            narrow = MessageFilter(text=word)
            found = await store.browse(lambda tx, narrow=narrow: tx.messages.page(OURS, narrow, None, 9))  # type: ignore[misc]
            assert expected == ids(found)


async def test_two_servers_can_not_share_a_folder(tmp_path: Path) -> None:
    async with await open_store(tmp_path):
        with pytest.raises(FolderInUse, match=f"process id {os.getpid()}"):
            await open_store(tmp_path)
    async with await open_store(tmp_path):
        pass


async def test_the_log_is_copied_while_mail_comes_in_and_does_not_grow_without_end(tmp_path: Path) -> None:
    options = Options(checkpoint_size=200_000, checkpoint_time=0.01)
    async with await open_store(tmp_path, options) as store:
        sizes = []
        for start in range(0, 3000, 100):
            rows = [replace(AGENT, id=f"agt_{start + n}", name=f"{start + n}" * 50, client_id=None) for n in range(100)]
            await asyncio.gather(*[adding(store, "agents", row) for row in rows])
            sizes.append((tmp_path / f"{FILE}-wal").stat().st_size)
        assert max(sizes) < 4_000_000
        assert (tmp_path / FILE).stat().st_size > 500_000
        assert store.trouble is None


async def test_a_long_read_sees_one_state_and_delays_no_write(tmp_path: Path) -> None:
    async with await open_store(tmp_path, Options(checkpoint_size=100_000, checkpoint_time=0.01, log_limit=300_000)) as store:
        reader = store._readers.get()
        reader.connection.execute("BEGIN")
        reader.connection.execute("SELECT count(*) FROM agents").fetchall()
        for start in range(0, 1000, 100):
            rows = [replace(AGENT, id=f"agt_{start + n}", name=f"{start + n}" * 50, client_id=None) for n in range(100)]
            await asyncio.gather(*[adding(store, "agents", row) for row in rows])
        assert [(0,)] == reader.connection.execute("SELECT count(*) FROM agents").fetchall()
        reader.connection.execute("COMMIT")
        store._readers.put(reader)
        assert 1000 == len(await store.browse(lambda tx: tx.agents.page(OURS, None, 9999)))


async def test_a_read_that_takes_too_long_is_ended(tmp_path: Path) -> None:
    async with await open_store(tmp_path, Options(browse_time=0.0)) as store:
        await adding(store, "messages", *numbered(MESSAGE, 3000))
        with pytest.raises(StorageBusy, match="took too long"):
            await store.browse(lambda tx: tx.messages.page(OURS, MessageFilter(status="none"), None, 9))
        assert [] == await store.read(lambda tx: tx.messages.page(OURS, MessageFilter(status="none"), None, 9))
        assert any("blob" in problem for problem in await store.integrity())
