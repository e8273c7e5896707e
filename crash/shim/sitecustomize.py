"""Runs first in every process of a server under the harness: its wall clock may be wrong, and it may be sabotaged.

CRASH_CLOCK names a file that holds, as 8 octets, how many nanoseconds the wall clock is off. CRASH_SABOTAGE breaks a promise
of the product, so that a test can see the harness notice: `unsynced` (nothing is synced), `untold` (what a dead server, or
a dead process of it, had under way is sent again without a word), `early` (yes is said before anything is stored).
"""

from __future__ import annotations

import mmap
import os
import struct
import time


def _wrong_clock(path: str) -> None:
    with open(path, "rb") as file:
        off = mmap.mmap(file.fileno(), 8, access=mmap.ACCESS_READ)
    real = time.time_ns
    read = struct.Struct("<q").unpack_from
    time.time_ns = lambda: real() + read(off)[0]
    time.time = lambda: time.time_ns() / 1e9


def _sabotage(how: str) -> None:
    if how == "unsynced":
        from mailwright.store.sqlite import connection

        os.fsync = lambda file: None
        connection._WRITER = connection._WRITER.replace("synchronous = FULL", "synchronous = OFF")
    elif how == "untold":
        from mailwright.core import delivery
        from mailwright.core.ports import Deferred, Report
        from mailwright.couriers import pool

        pool.DIED = Report((Deferred(None, None, "nothing happened"),), ())

        async def no(*_: object) -> bool:
            return False

        delivery._died = no
    elif how == "early":
        from mailwright.store.sqlite import writer

        commit = writer.Writer._commit

        def about_to_die() -> bool:  # not before: a world has to be set up
            return os.path.getsize(os.environ["MAILWRIGHT_FAULT"]) > 0

        def late(self: writer.Writer, notes: object) -> None:
            if about_to_die():
                time.sleep(0.5)  # so that yes has reached the other side, on a crowded machine as well
            commit(self, notes)

        run = writer.Writer._run

        def early(self: writer.Writer, work: object, notes: object) -> None:
            run(self, work, notes)
            if about_to_die():
                work.tell()

        writer.Writer._run, writer.Writer._commit = early, late


if _clock := os.environ.get("CRASH_CLOCK"):
    _wrong_clock(_clock)
if _how := os.environ.get("CRASH_SABOTAGE"):
    _sabotage(_how)
