"""A disk that forgets, in a power cut, what was not synced: a file system in memory, over /dev/fuse.

What survives a cut is what POSIX promises and no more: the bytes of a file as of its last fsync, the names in a folder as of
that folder's. `cut strict` drops all else, `cut some SEED` keeps a seeded choice of it, sector by sector, as disks do.
It can also stop at the n-th operation, be full (and lie about it), and fail to sync as Linux does: the error is told once, and
the pages count as written afterwards.
A process of its own, spoken to in lines over standard input and output; `Disk` is the other end. Needs root and /dev/fuse.
Standards: the FUSE protocol 7.31 of linux/fuse.h. Not here: hard links, symbolic links, extended attributes, other users.
"""

from __future__ import annotations

import ctypes
import errno
import os
import random
import select
import stat
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

SECTOR = 512
BLOCK = 4096
MAX_WRITE = 128 * 1024
ROOT = 1
FOREVER = 1 << 30
MS_NOSUID, MS_NODEV, MNT_DETACH = 2, 4, 2

_IN = struct.Struct("<IIQQIIIHH")
_OUT = struct.Struct("<IiQ")
_ATTR = struct.Struct("<QQQQQQIIIIIIIIII")
_INIT_OUT = struct.Struct("<IIIIHHIIHHI28x")
ATOMIC_O_TRUNC, BIG_WRITES, MAX_PAGES = 1 << 3, 1 << 5, 1 << 22

Change = tuple[int, bytes | None]  # bytes at an offset, or (None) the file cut or grown to that size


@dataclass(slots=True)
class Node:
    """A file or a folder, as it is and as it would be after a cut."""

    mode: int
    live: bytearray = field(default_factory=bytearray)
    synced: bytearray = field(default_factory=bytearray)
    changes: list[Change] = field(default_factory=list)  # since the last fsync
    names: dict[str, int] = field(default_factory=dict)
    synced_names: dict[str, int] = field(default_factory=dict)
    changed_at: float = field(default_factory=time.time)

    @property
    def is_folder(self) -> bool:
        """Whether it holds names."""
        return stat.S_ISDIR(self.mode)

    def change(self, one: Change) -> None:
        """Write, cut or grow."""
        apply(self.live, one)
        self.changes.append(one)
        self.changed_at = time.time()

    def sync(self) -> None:
        """Everything so far survives."""
        for one in self.changes:
            apply(self.synced, one)
        self.changes.clear()
        self.synced_names = dict(self.names)


def apply(content: bytearray, change: Change) -> None:
    """Carry out a change."""
    at, data = change
    size = at if data is None else at + len(data)
    if size > len(content):
        content.extend(bytes(size - len(content)))
    if data is None:
        del content[at:]
    else:
        content[at : at + len(data)] = data


class Gone(Exception):
    """The answer is an error number."""

    def __init__(self, number: int) -> None:
        self.number = number


class FileSystem:
    """All nodes by their ids, and what is wrong with the disk."""

    def __init__(self) -> None:
        self.nodes = {ROOT: Node(stat.S_IFDIR | 0o700)}
        self.next_id = ROOT + 1
        self.operations = 0  # that change or sync something
        self.stops_at: int | None = None
        self.capacity: int | None = None
        self.says_free: int | None = None
        self.failing_syncs = 0

    # --- what can be wrong ---------------------------------------------------------------------------------------------

    @property
    def dead(self) -> bool:
        """Whether it answers nothing any more."""
        return self.stops_at is not None and self.operations >= self.stops_at

    def touch(self) -> None:
        """One more operation that changes something."""
        if self.dead:
            raise Gone(errno.EIO)
        self.operations += 1

    def make_room(self, more: int) -> None:
        """Refuse what does not fit."""
        if self.capacity is not None and more > 0 and self.used() + more > self.capacity:
            raise Gone(errno.ENOSPC)

    def used(self) -> int:
        """Octets in files."""
        return sum(len(node.live) for node in self.nodes.values())

    def sync(self, node: Node) -> None:
        """fsync of a file or a folder."""
        self.touch()
        if self.failing_syncs:
            self.failing_syncs -= 1
            node.changes.clear()  # Linux: the pages are marked clean, and no later fsync writes them
            raise Gone(errno.EIO)
        node.sync()

    def cut(self, chance: random.Random | None) -> None:
        """The power fails and comes back. All ids but the root's are new, so nothing that the kernel still holds gets in."""
        old = self.nodes
        self.nodes = {}
        self._survive(old, ROOT, ROOT, chance)
        self.stops_at = self.capacity = self.says_free = None
        self.failing_syncs = 0

    def _survive(self, old: dict[int, Node], old_id: int, new_id: int, chance: random.Random | None) -> None:
        node = old[old_id]
        content = node.synced
        if chance is not None:
            for change in node.changes:
                for part in _sectors(change):
                    if chance.random() < 0.5:
                        apply(content, part)
        fresh = self.nodes[new_id] = Node(node.mode, bytearray(content), content, changed_at=node.changed_at)
        for name, child in _names_after(node, chance).items():
            if child in old:
                self.next_id += 1
                fresh.names[name] = self.next_id
                self._survive(old, child, self.next_id, chance)
        fresh.synced_names = dict(fresh.names)

    # --- names -----------------------------------------------------------------------------------------------------------

    def node(self, node_id: int) -> Node:
        """By its id."""
        if node_id not in self.nodes:
            raise Gone(errno.ESTALE)
        return self.nodes[node_id]

    def find(self, parent: int, name: str) -> int:
        """The id behind a name."""
        names = self.node(parent).names
        if name not in names:
            raise Gone(errno.ENOENT)
        return names[name]

    def make(self, parent: int, name: str, mode: int) -> int:
        """A new file or folder."""
        if name in self.node(parent).names:
            raise Gone(errno.EEXIST)
        self.touch()
        self.make_room(BLOCK)
        self.next_id += 1
        self.nodes[self.next_id] = Node(mode)
        self.nodes[parent].names[name] = self.next_id
        return self.next_id

    def remove(self, parent: int, name: str) -> None:
        """Take a name away; whoever has the file open still reads it."""
        child = self.find(parent, name)
        if self.node(child).names:
            raise Gone(errno.ENOTEMPTY)
        self.touch()
        del self.nodes[parent].names[name]

    def rename(self, parent: int, name: str, other: int, new: str) -> None:
        """One name for another."""
        child = self.find(parent, name)
        self.touch()
        del self.nodes[parent].names[name]
        self.node(other).names[new] = child


def _sectors(change: Change) -> list[Change]:
    at, data = change
    if data is None:
        return [change]
    return [(at + start, data[start : start + SECTOR]) for start in range(0, len(data), SECTOR)]


def _names_after(node: Node, chance: random.Random | None) -> dict[str, int]:
    if chance is None:
        return node.synced_names
    names = dict(node.synced_names)
    for name in sorted({*names, *node.names}):
        if names.get(name) != node.names.get(name) and chance.random() < 0.5:
            if name in node.names:
                names[name] = node.names[name]
            else:
                del names[name]
    return names


# --- the protocol -------------------------------------------------------------------------------------------------------


class Served:
    """Answers the kernel's questions."""

    def __init__(self, files: FileSystem) -> None:
        self.files = files
        self._verbs: dict[int, Callable[[int, memoryview], bytes]] = {
            1: self._lookup, 3: self._getattr, 4: self._setattr, 9: self._mkdir, 10: self._unlink, 11: self._unlink,
            12: self._rename, 14: self._open, 15: self._read, 16: self._write, 17: self._statfs, 18: self._nothing,
            20: self._fsync, 25: self._nothing, 26: self._init, 27: self._open, 28: self._readdir, 29: self._nothing,
            30: self._fsync, 34: self._nothing, 35: self._create, 38: self._nothing, 45: self._rename,
        }  # fmt: skip

    def answer(self, request: memoryview) -> bytes | None:
        """The answer to one request; None where none is wanted."""
        _, verb, unique, node_id, *_ = _IN.unpack_from(request)
        if verb in (2, 36, 42):  # FORGET, INTERRUPT, BATCH_FORGET
            return None
        handle = self._verbs.get(verb)
        try:
            body = handle(node_id, request[_IN.size :]) if handle else b""
            error = 0 if handle else -errno.ENOSYS
        except Gone as gone:
            body, error = b"", -gone.number
        return _OUT.pack(_OUT.size + len(body), error, unique) + body

    def _init(self, node_id: int, body: memoryview) -> bytes:
        flags = ATOMIC_O_TRUNC | BIG_WRITES | MAX_PAGES
        return _INIT_OUT.pack(7, 31, MAX_WRITE, flags, 16, 12, MAX_WRITE, 1, MAX_WRITE // BLOCK, 0, 0)

    def _attr(self, node_id: int) -> bytes:
        node = self.files.node(node_id)
        size, at = len(node.live), int(node.changed_at)
        return _ATTR.pack(node_id, size, -(-size // SECTOR), at, at, at, 0, 0, 0, node.mode, 1, 0, 0, 0, BLOCK, 0)

    def _entry(self, node_id: int) -> bytes:
        # Names are asked for each time; attributes only the kernel changes.
        return struct.pack("<QQQQII", node_id, 0, 0, FOREVER, 0, 0) + self._attr(node_id)

    def _nothing(self, node_id: int, body: memoryview) -> bytes:
        return b""

    def _lookup(self, node_id: int, body: memoryview) -> bytes:
        return self._entry(self.files.find(node_id, _names(body)[0]))

    def _getattr(self, node_id: int, body: memoryview) -> bytes:
        return struct.pack("<QII", FOREVER, 0, 0) + self._attr(node_id)

    def _setattr(self, node_id: int, body: memoryview) -> bytes:
        valid, _, _, size = struct.unpack_from("<IIQQ", body)
        node = self.files.node(node_id)
        if valid & 1:
            node.mode = stat.S_IFMT(node.mode) | stat.S_IMODE(struct.unpack_from("<I", body, 68)[0])
        if valid & 8:
            self.files.touch()
            self.files.make_room(size - len(node.live))
            node.change((size, None))
        return self._getattr(node_id, body)

    def _mkdir(self, node_id: int, body: memoryview) -> bytes:
        mode = struct.unpack_from("<I", body)[0]
        return self._entry(self.files.make(node_id, _names(body[8:])[0], stat.S_IFDIR | stat.S_IMODE(mode)))

    def _create(self, node_id: int, body: memoryview) -> bytes:
        mode = struct.unpack_from("<I", body, 4)[0]
        made = self.files.make(node_id, _names(body[16:])[0], stat.S_IFREG | stat.S_IMODE(mode))
        return self._entry(made) + struct.pack("<QII", 0, 0, 0)

    def _unlink(self, node_id: int, body: memoryview) -> bytes:
        self.files.remove(node_id, _names(body)[0])
        return b""

    def _rename(self, node_id: int, body: memoryview) -> bytes:
        # RENAME has 8 octets before the names, RENAME2 16; a name never begins with a zero, its flags always do.
        start = 16 if body[8] == 0 else 8
        old, new = _names(body[start:])
        self.files.rename(node_id, old, struct.unpack_from("<Q", body)[0], new)
        return b""

    def _open(self, node_id: int, body: memoryview) -> bytes:
        node = self.files.node(node_id)
        if struct.unpack_from("<I", body)[0] & os.O_TRUNC and not node.is_folder:
            self.files.touch()
            node.change((0, None))
        return struct.pack("<QII", 0, 0, 0)

    def _read(self, node_id: int, body: memoryview) -> bytes:
        _, at, size = struct.unpack_from("<QQI", body)
        return bytes(self.files.node(node_id).live[at : at + size])

    def _write(self, node_id: int, body: memoryview) -> bytes:
        _, at, size = struct.unpack_from("<QQI", body)
        node = self.files.node(node_id)
        self.files.touch()
        self.files.make_room(at + size - len(node.live))
        node.change((at, bytes(body[40 : 40 + size])))
        return struct.pack("<II", size, 0)

    def _fsync(self, node_id: int, body: memoryview) -> bytes:
        self.files.sync(self.files.node(node_id))
        return b""

    def _readdir(self, node_id: int, body: memoryview) -> bytes:
        _, start, size = struct.unpack_from("<QQI", body)
        names = sorted(self.files.node(node_id).names.items())
        out = b""
        for index, (name, child) in enumerate(names[start:], start + 1):
            text = name.encode()
            entry = struct.pack("<QQII", child, index, len(text), self.files.node(child).mode >> 12) + text
            entry += bytes(-len(entry) % 8)
            if len(out) + len(entry) > size:
                break
            out += entry
        return out

    def _statfs(self, node_id: int, body: memoryview) -> bytes:
        used = self.files.used()
        room = (self.files.capacity or 1 << 40) - used
        free = max(0, room if self.files.says_free is None else self.files.says_free) // BLOCK
        return struct.pack("<QQQQQIIII24x", 1 << 28, free, free, 1 << 20, 1 << 20, BLOCK, 255, BLOCK, 0)


def _names(body: memoryview) -> list[str]:
    return bytes(body).rstrip(b"\0").decode().split("\0")


# --- the process ---------------------------------------------------------------------------------------------------------


def serve(folder: str) -> None:
    """Mount, and answer the kernel and whoever started us, until standard input ends."""
    fuse = os.open("/dev/fuse", os.O_RDWR)
    libc = ctypes.CDLL(None, use_errno=True)
    options = f"fd={fuse},rootmode=40000,user_id={os.getuid()},group_id={os.getgid()}"
    if libc.mount(b"forgetful", folder.encode(), b"fuse", MS_NOSUID | MS_NODEV, options.encode()):
        sys.exit(os.strerror(ctypes.get_errno()))
    served = Served(FileSystem())
    waiting = select.poll()
    waiting.register(fuse, select.POLLIN)
    waiting.register(0, select.POLLIN)
    commands = b""
    try:
        while True:
            for file, _ in waiting.poll():
                if file == fuse:
                    _answer(served, fuse)
                    continue
                read = os.read(0, 4096)
                if not read:
                    return
                commands += read
                while b"\n" in commands:
                    line, _, commands = commands.partition(b"\n")
                    os.write(1, obey(served.files, line.decode().split()).encode() + b"\n")
    finally:
        libc.umount2(folder.encode(), MNT_DETACH)


def _answer(served: Served, fuse: int) -> None:
    try:
        answer = served.answer(memoryview(os.read(fuse, MAX_WRITE + 65536)))
        if answer is not None:
            os.write(fuse, answer)
    except OSError as wrong:
        if wrong.errno not in (errno.ENOENT, errno.EINTR, errno.EAGAIN):  # whoever asked was killed meanwhile
            raise


def obey(files: FileSystem, command: list[str]) -> str:
    """Carry out a command."""
    match command:
        case ["cut", "strict"]:
            files.cut(None)
        case ["cut", "some", seed]:
            files.cut(random.Random(int(seed)))
        case ["stop", count]:
            files.stops_at = files.operations + int(count)
        case ["full", free, says]:
            files.capacity = files.used() + int(free)
            files.says_free = int(says) if says != "-" else None
        case ["roomy"]:
            files.capacity = files.says_free = None
        case ["failing_syncs", count]:
            files.failing_syncs = int(count)
        case ["look"]:
            unsynced = sum(len(node.changes) for node in files.nodes.values())
            return f"{int(files.dead)} {files.operations} {unsynced} {files.failing_syncs}"
        case ["hello"]:
            pass
        case _:
            return f"? {command}"
    return "ok"


# --- the other end -------------------------------------------------------------------------------------------------------


class Disk:
    """A mounted disk, until `close`. Raises OSError where there can be none."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, str(Path(__file__)), str(folder)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        try:
            self.tell("hello")
        except OSError:
            assert self._process.stderr is not None
            raise OSError(self._process.stderr.read().decode().strip()) from None

    def tell(self, *words: object) -> str:
        """Give a command; its answer."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(" ".join(map(str, words)).encode() + b"\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline().decode().strip()
        if not answer or answer.startswith("?"):
            raise OSError(f"the disk answers {answer!r}")
        return answer

    @property
    def dead(self) -> bool:
        """Whether it stopped."""
        return self.tell("look").startswith("1")

    def close(self) -> None:
        """Unmount."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def possible() -> str | None:
    """Why there can be no such disk here, if so."""
    if not os.access("/dev/fuse", os.R_OK | os.W_OK):
        return "no /dev/fuse that we may open"
    return None if os.geteuid() == 0 else "not root, which mounting takes"


if __name__ == "__main__":
    serve(sys.argv[1])
