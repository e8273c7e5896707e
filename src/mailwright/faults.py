"""Fault points: where may a process die, so that the crash harness can let it die exactly there?

MAILWRIGHT_FAULT names a file. While it says `point:count`, a process that passes that point for the count-th time kills itself.
The variable is looked at once, at the start: without it `passes` does nothing. Never set it for a server that is in use.
Not here: what kills at random moments, disks, clocks and peers that fail (the folder `crash/` beside `src/`).
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path

VARIABLE = "MAILWRIGHT_FAULT"


class Point(StrEnum):
    """Every fault point; the value says what was passed last."""

    MIGRATION_RAN = "migration.ran"  # a schema script, not committed yet
    START_RELEASED = "start.released"  # what the server before had claimed is due again
    GROUP_SCRIPT_RAN = "group.script_ran"  # one script of a group, others may follow
    GROUP_READY = "group.ready"  # all scripts of a group, before COMMIT
    GROUP_COMMITTED = "group.committed"  # COMMIT came back, nobody was told
    CHECKPOINT_BEGINS = "checkpoint.begins"  # the log is about to be copied
    CHECKPOINT_ENDED = "checkpoint.ended"
    BLOB_SYNCED = "blob.synced"  # the bytes of a large message, which has no name yet
    BLOB_NAMED = "blob.named"  # its name, which is not synced
    BLOB_SETTLED = "blob.settled"  # its name is synced, there is no row
    MESSAGE_EXAMINED = "message.examined"  # an SMTP process looked at it, the main process knows nothing of it
    MESSAGE_STORED = "message.stored"  # it is durable, the SMTP process was not told
    MESSAGE_CONFIRMED = "message.confirmed"  # the SMTP process was told, its 250 is not said
    MESSAGE_ANSWERED = "message.answered"  # its 250 is in the session's hands
    REQUEST_STORED = "request.stored"  # an operation's transaction is durable, its answer not said
    DELIVERY_CLAIMED = "delivery.claimed"  # leased, no attempt begun
    DELIVERY_BEGUN = "delivery.begun"  # the attempt's row is durable, nobody was dialled
    DELIVERY_DOT = "delivery.dot"  # the reply to the final dot is here, and nobody has read it
    DELIVERY_ANSWERED = "delivery.answered"  # the outcome is known, no row says it
    DELIVERY_RECORDED = "delivery.recorded"  # the outcome is durable
    TELLING_CLAIMED = "telling.claimed"  # events are in the log and a webhook's share of them leased
    TELLING_POSTED = "telling.posted"  # the end point answered, no row says it


def _nothing(point: Point) -> None:
    """Without the variable."""


class Armed:
    """The file, and how often the point it names was passed since it names it."""

    def __init__(self, file: Path, die: Callable[[], None]) -> None:
        self._file, self._die = file, die
        self._order = ""
        self._left = 0

    def __call__(self, point: Point) -> None:
        """Die here, if that is the order."""
        try:
            order = self._file.read_text("ascii").strip()
        except OSError:  # there is none, or no file descriptor to read it with
            return
        if order != self._order:
            self._order, self._left = order, int(order.partition(":")[2] or 1)
        if order.partition(":")[0] == point:
            self._left -= 1
            if self._left == 0:
                self._die()


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


passes: Callable[[Point], None] = Armed(Path(os.environ[VARIABLE]), _die) if os.environ.get(VARIABLE) else _nothing
