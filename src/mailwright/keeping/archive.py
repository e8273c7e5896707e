"""Where backups lie: a folder that takes many, sharing what they have in common; or one tar file that holds one.

    DIR/pieces/ab/abcdef...   the bytes of a piece, by their SHA-256
    DIR/backups/<time>-<digest>.json

A piece is written aside, synced and renamed, and a manifest after all its pieces: what was broken off leaves pieces that the
next run finds, and no manifest that lacks any. In a tar file the same names are members.
"""

from __future__ import annotations

import fcntl
import hashlib
import io
import os
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from mailwright.files import sync_folder
from mailwright.keeping.manifest import PIECE, File, Manifest, parse, render


class NoArchive(Exception):
    """There is no backup here, or somebody is writing one just now."""


class Broken(Exception):
    """A piece is missing, or is not what its name says."""


class Archive(Protocol):
    """Pieces, and manifests that name them."""

    def has(self, digest: str) -> bool:
        """Whether the piece is there."""

    def put(self, digest: str, content: bytes) -> None:
        """Add a piece; durable once the next manifest is."""

    def get(self, digest: str) -> bytes:
        """The piece; raises Broken."""

    def names(self) -> list[str]:
        """The names of the manifests, oldest first."""

    def manifest(self, name: str) -> Manifest:
        """One of them; raises BadManifest."""

    def add(self, manifest: Manifest) -> str:
        """Write a manifest after its pieces; its name."""


class Folder:
    """A folder of backups."""

    def __init__(self, folder: Path) -> None:
        """Over a folder that is there or not."""
        self.folder = folder
        self.written = 0  # bytes of new pieces

    @contextmanager
    def writing(self) -> Iterator[Folder]:
        """One at a time; raises NoArchive."""
        for one in (self.folder, self.folder / "pieces", self.folder / "backups"):
            one.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield self
        except BlockingIOError:
            raise NoArchive(f"another backup into {self.folder} is under way") from None
        finally:
            os.close(lock)

    def _place(self, digest: str) -> Path:
        return self.folder / "pieces" / digest[:2] / digest

    def has(self, digest: str) -> bool:
        """Whether the piece is there."""
        return self._place(digest).is_file()

    def put(self, digest: str, content: bytes) -> None:
        """Add a piece."""
        place = self._place(digest)
        place.parent.mkdir(mode=0o700, exist_ok=True)
        _write_durably(place, content)
        self.written += len(content)

    def get(self, digest: str) -> bytes:
        """The piece; raises Broken."""
        try:
            return _checked(digest, self._place(digest).read_bytes())
        except FileNotFoundError:
            raise Broken(f"the piece {digest} is missing") from None

    def names(self) -> list[str]:
        """The names of the manifests, oldest first."""
        return sorted(path.name for path in (self.folder / "backups").glob("*.json"))

    def manifest(self, name: str) -> Manifest:
        """One of them."""
        return parse(name, (self.folder / "backups" / name).read_bytes())

    def add(self, manifest: Manifest) -> str:
        """Write a manifest: all names of pieces are durable before it."""
        name, content = render(manifest)
        for one in (self.folder / "pieces").iterdir():
            sync_folder(one)
        sync_folder(self.folder / "pieces")
        _write_durably(self.folder / "backups" / name, content)
        sync_folder(self.folder / "backups")
        return name

    def keep(self, count: int) -> int:
        """Forget all but the newest `count` backups, and the pieces that only those needed; how many pieces went."""
        names = self.names()
        for name in names[:-count]:
            (self.folder / "backups" / name).unlink()
        needed = {piece for name in names[-count:] for piece in self.manifest(name).pieces()}
        unneeded = [path for path in (self.folder / "pieces").glob("*/*") if path.name not in needed]
        for path in unneeded:
            path.unlink()
        return len(unneeded)


class Tar:
    """One backup in one tar file, uncompressed."""

    def __init__(self, path: Path, tar: tarfile.TarFile) -> None:
        """Over an open tar file."""
        self._path, self._tar = path, tar
        self._members = {member.name: member for member in tar.getmembers()}
        self.written = 0

    @staticmethod
    def read(path: Path) -> Tar:
        """An existing one; raises NoArchive."""
        try:
            return Tar(path, tarfile.open(path, "r:"))
        except (OSError, tarfile.TarError) as wrong:
            raise NoArchive(f"{path}: {wrong}") from None

    @staticmethod
    @contextmanager
    def writing(path: Path) -> Iterator[Tar]:
        """A new one: it gets its name when it is whole and on disk. Raises NoArchive where the name is taken."""
        if path.exists():
            raise NoArchive(f"{path} is there already; a tar file holds one backup")
        part = path.with_name(path.name + ".part")
        with open(os.open(part, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600), "w+b") as file:
            with tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as tar:
                yield Tar(path, tar)
            file.flush()
            os.fsync(file.fileno())
        part.rename(path)
        sync_folder(path.absolute().parent)

    def has(self, digest: str) -> bool:
        """Whether the piece is there."""
        return f"pieces/{digest}" in self._members

    def put(self, digest: str, content: bytes) -> None:
        """Add a piece."""
        self._write(f"pieces/{digest}", content)

    def get(self, digest: str) -> bytes:
        """The piece; raises Broken."""
        member = self._members.get(f"pieces/{digest}")
        file = self._tar.extractfile(member) if member is not None else None
        if file is None:
            raise Broken(f"the piece {digest} is missing")
        return _checked(digest, file.read())

    def names(self) -> list[str]:
        """The name of its manifest."""
        return sorted(name.removeprefix("backups/") for name in self._members if name.startswith("backups/"))

    def manifest(self, name: str) -> Manifest:
        """Its manifest."""
        file = self._tar.extractfile(self._members[f"backups/{name}"])
        assert file is not None
        return parse(name, file.read())

    def add(self, manifest: Manifest) -> str:
        """Write the manifest."""
        name, content = render(manifest)
        self._write(f"backups/{name}", content)
        return name

    def _write(self, name: str, content: bytes) -> None:
        member = tarfile.TarInfo(name)
        member.size, member.mode = len(content), 0o600
        self._tar.addfile(member, io.BytesIO(content))
        self._members[name] = member
        self.written += len(content)


def reading(path: Path) -> Archive:
    """The archive there; raises NoArchive."""
    archive: Archive = Tar.read(path) if path.is_file() else Folder(path)
    if not archive.names():
        raise NoArchive(f"there is no backup in {path}")
    return archive


def store(archive: Archive, file: io.BufferedIOBase | io.RawIOBase) -> File:
    """Put a file's content into the archive, as far as it is not there."""
    size, pieces = 0, []
    while content := file.read(PIECE):
        digest = hashlib.sha256(content).hexdigest()
        if not archive.has(digest):
            archive.put(digest, content)
        size += len(content)
        pieces.append(digest)
    return File(size, tuple(pieces))


def fetch(archive: Archive, file: File) -> Iterator[bytes]:
    """A file's content, piece by piece, each checked; raises Broken."""
    size = 0
    for digest in file.pieces:
        content = archive.get(digest)
        size += len(content)
        yield content
    if size != file.size:
        raise Broken(f"a file of {file.size} bytes has pieces of {size}")


def _checked(digest: str, content: bytes) -> bytes:
    if hashlib.sha256(content).hexdigest() != digest:
        raise Broken(f"the piece {digest} is not what was written")
    return content


def _write_durably(place: Path, content: bytes) -> None:
    part = place.with_name(place.name + ".part")
    with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    part.rename(place)
