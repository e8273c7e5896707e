"""A certificate for our own ports that is renewed while we run.

The files are looked at every few seconds, and at once when somebody says so (SIGHUP). A new pair is tried by itself first: one
that can't be used leaves the old one in place, and is told; what was tried is what is taken, whoever writes the files
meanwhile. Connections that are open keep what they have.
Not here: where new ones come from (acme.py, or whoever writes the files).
"""

from __future__ import annotations

import asyncio
import os
import ssl
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Protocol

import structlog

from mailwright.net.tls import server_context

log = structlog.get_logger()

EVERY = 5.0  # seconds between two looks

Stamp = tuple[tuple[int, int, int], ...]


class Renewed(Protocol):
    """What is made anew when certificates may be."""

    def renew(self, *, anyway: bool = False) -> bool:
        """Take what changed (or `anyway`); whether there is something new. Never raises."""


class Certificate:
    """A context with a certificate from PEM files. Raises OSError, or SSLError where they can't be used."""

    def __init__(self, certificate: Path, key: Path) -> None:
        """From these files."""
        self.paths = (certificate, key)
        self._seen = self._refused = self._stamp()
        self.context = server_context(certificate, key)

    def _stamp(self) -> Stamp:
        found = [path.stat() for path in self.paths]
        return tuple((one.st_mtime_ns, one.st_size, one.st_ino) for one in found)

    def renew(self, *, anyway: bool = False) -> bool:
        """Take the files' content where they changed (or `anyway`); whether there is a new one. Never raises."""
        stamp: Stamp = ()
        try:
            stamp = self._stamp()
            if stamp in (self._seen, self._refused) and not anyway:
                return False
            with _copies(self.paths) as (certificate, key):
                if stamp != self._stamp():
                    return False  # they are being written: the next look finds them whole
                # By itself first: a context that took a certificate without its key would be of no use any more.
                server_context(certificate, key)
                self.context.load_cert_chain(certificate, key)
        except (OSError, ValueError) as wrong:  # ssl.SSLError is an OSError
            self._refused = stamp  # said once
            log.warning("tls.not_renewed", certificate=str(self.paths[0]), reason=str(wrong))
            return False
        self._seen = stamp
        log.info("tls.renewed", certificate=str(self.paths[0]))
        return True


@contextmanager
def _copies(paths: Sequence[Path]) -> Iterator[list[Path]]:
    """Copies of these files that nobody changes, in memory alone: ssl reads by path. Raises OSError."""
    with ExitStack() as held:
        copies = []
        for path in paths:
            copy = held.enter_context(open(os.memfd_create("pem"), "wb"))
            copy.write(path.read_bytes())
            copy.flush()
            copies.append(Path(f"/proc/self/fd/{copy.fileno()}"))
        yield copies


async def keep_renewed(certificates: Sequence[Renewed], now: asyncio.Event, stop: asyncio.Event) -> None:
    """Look every few seconds, and whenever `now` is set, until `stop`."""
    while not stop.is_set():
        waits = [asyncio.ensure_future(one.wait()) for one in (now, stop)]
        await asyncio.wait(waits, timeout=EVERY, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()
        asked = now.is_set()
        now.clear()
        for one in certificates:
            one.renew(anyway=asked)


def unusable(certificate: Path, key: Path) -> str | None:
    """What stands against these files, if anything."""
    try:
        for path in (certificate, key):  # ssl does not say which of the two it could not read
            path.read_bytes()
        server_context(certificate, key)
    except ssl.SSLError as wrong:
        return f"{certificate} and {key} do not fit: {wrong.reason}"
    except OSError as wrong:
        return f"{wrong.filename or certificate}: {wrong.strerror}"
    return None
