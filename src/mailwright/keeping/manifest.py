"""What one backup consists of: each file as a list of pieces, named by their SHA-256.

A manifest's name is the time and the first digits of its own SHA-256: a changed one no longer fits its name.
"""

from __future__ import annotations

import datetime
import hashlib
import os
import re

import msgspec

FORMAT = 1
DIGEST = re.compile(r"[0-9a-f]{64}")
BLOB = re.compile(r"[A-Za-z0-9_-]{1,64}")
PIECE = 1024 * 1024  # bytes: pages that did not change are found again, piece by piece


class BadManifest(Exception):
    """It was changed, or written by a newer version."""


class File(msgspec.Struct, frozen=True):
    """One file: its size, and the SHA-256 of each piece in order."""

    size: int
    pieces: tuple[str, ...]


class Head(msgspec.Struct, frozen=True):
    """Where the audit log ended: the index of its last entry, and that entry's hash."""

    index: int
    hash: str


class Manifest(msgspec.Struct, frozen=True):
    """One backup. `made_at` is when the database was as it is here, in milliseconds since 1970."""

    format: int
    version: str
    made_at: int
    database: File
    blobs: dict[str, File]  # of large messages, by blob id
    files: dict[str, File]  # secrets and certificates, by their path in the data folder
    audit: Head | None = None  # None in backups of older versions, and of a log without entries

    def pieces(self) -> set[str]:
        """All that it needs."""
        every = (self.database, *self.blobs.values(), *self.files.values())
        return {piece for file in every for piece in file.pieces}

    @property
    def size(self) -> int:
        """Bytes of all its files."""
        return sum(file.size for file in (self.database, *self.blobs.values(), *self.files.values()))


def render(manifest: Manifest) -> tuple[str, bytes]:
    """Its name and its bytes."""
    content = msgspec.json.encode(manifest, order="deterministic")
    made = datetime.datetime.fromtimestamp(manifest.made_at / 1000, datetime.UTC)
    digest = hashlib.sha256(content).hexdigest()[:16]
    return f"{made:%Y-%m-%dT%H-%M-%S}.{manifest.made_at % 1000:03}Z-{digest}.json", content


def parse(name: str, content: bytes) -> Manifest:
    """The manifest; raises BadManifest where it does not fit its name."""
    if hashlib.sha256(content).hexdigest()[:16] != name.removesuffix(".json").rpartition("-")[2]:
        raise BadManifest(f"{name} is not what was written: its content does not fit its name")
    try:
        manifest = msgspec.json.decode(content, type=Manifest)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as wrong:
        raise BadManifest(f"{name}: {wrong}") from None
    if manifest.format > FORMAT:
        raise BadManifest(f"{name} was written by version {manifest.version}: restore it with that one or a newer one")
    _check_names(name, manifest)
    return manifest


def _check_names(name: str, manifest: Manifest) -> None:
    """S22: whoever made this up, nothing of it is read or written beside the archive and the data folder."""
    for path in manifest.files:
        if os.path.isabs(path) or not {"", ".", ".."}.isdisjoint(path.split("/")) or "\0" in path:
            raise BadManifest(f"{name}: {path!r} is no path inside a data folder")
    for blob_id in manifest.blobs:
        if not BLOB.fullmatch(blob_id):
            raise BadManifest(f"{name}: {blob_id!r} is no message of ours")
    for piece in manifest.pieces():
        if not DIGEST.fullmatch(piece):
            raise BadManifest(f"{name}: {piece!r} is no piece of a backup")
