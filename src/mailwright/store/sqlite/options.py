"""What can be set about the embedded store."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Options:
    """Sizes in bytes, times in seconds. The defaults suit a server that takes some thousand messages a second."""

    free_space: int = 64 * 1024 * 1024  # with less than this on the disk nothing more is accepted
    queued_writes: int = 4000  # more than this at once are refused
    group_time: float = 0.01  # how long scripts of one group may keep the event loop busy
    group_size: int = 500  # how many scripts are committed together at most
    lock_wait: float = 5.0  # how long to wait for another program that writes to the database
    cache: int = 64 * 1024 * 1024  # pages kept in memory by the writing connection
    checkpoint_size: int = 64 * 1024 * 1024  # of the write-ahead log, beyond which it is copied into the database
    checkpoint_time: float = 5.0  # how often it is copied while there is anything to copy
    log_limit: int = 128 * 1024 * 1024  # what the file of the log shrinks to again after it had to grow
    browsers: int = 2  # threads for lists and searches
    browse_time: float = 10.0  # how long one of those may take
