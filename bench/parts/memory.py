"""Memory of all processes of a server that has just started and has nothing to do."""

from __future__ import annotations

import time

from bench import ours, zone
from bench.figures import Options, Table, Target, Values, interleave
from bench.programs import memory, running

PSS, RSS, COUNT = "PSS MB", "RSS MB", "processes"
IDLE = "idle, all processes"
TARGETS = (Target("idle, MB (PSS: shared pages once)", IDLE, PSS, 150, at_most=True),)


def measure(options: Options) -> Table:
    """With the defaults, and with one process for everything."""
    table = Table("Memory at rest", (PSS, RSS, COUNT), TARGETS)
    rows = {IDLE: lambda: _idle(options, {}), "idle, smtp.processes = 0": lambda: _idle(options, {"SMTP__PROCESSES": "0"})}
    interleave(table, rows, options.repeats)
    table.notes.append(
        "PSS counts a page that processes share once, RSS for each of them. Under load: see the streams and large mail."
    )
    return table


def _idle(options: Options, settings: dict[str, str]) -> Values:
    _, port = zone.shared(options.folder)
    server = ours.start(options.folder, port, settings)
    with running(server.program):
        server.mailbox(f"agent@{zone.OURS}")
        time.sleep(2)
        pids = server.program.pids()
        pss, rss = memory(pids)
    return {PSS: pss, RSS: rss, COUNT: len(pids)}
