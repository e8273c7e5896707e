"""Memory of all processes of a server that has nothing to do: just started, and after a while."""

from __future__ import annotations

import time

from bench import ours, zone
from bench.figures import Options, Table, Target, Values, interleave
from bench.programs import memory, running
from mailwright.system.processes import BEAT, IDLE

PSS, RSS, COUNT = "PSS MB", "RSS MB", "processes"
AWHILE = IDLE + 2 * BEAT + 2  # seconds until processes that have nothing to do have ended
AT_REST = f"idle for {AWHILE:.0f} s"
TARGETS = (Target("idle, MB (RSS: shared pages in each process)", AT_REST, RSS, 150, at_most=True),)


def measure(options: Options) -> Table:
    """With the defaults, and with one process for everything."""
    table = Table("Memory at rest", (PSS, RSS, COUNT), TARGETS)
    rows = {
        "just started": lambda: _idle(options, 2, {}),
        AT_REST: lambda: _idle(options, AWHILE, {}),
        "just started, smtp.processes = 0": lambda: _idle(options, 2, {"SMTP__PROCESSES": "0"}),
    }
    interleave(table, rows, options.repeats)
    table.notes.append(
        "PSS counts a page that processes share once, RSS for each of them. Under load: see the streams and large mail."
    )
    return table


def _idle(options: Options, seconds: float, settings: dict[str, str]) -> Values:
    _, port = zone.shared(options.folder)
    server = ours.start(options.folder, port, settings)
    with running(server.program):
        server.mailbox(f"agent@{zone.OURS}")
        time.sleep(seconds)
        pids = server.program.pids()
        pss, rss = memory(pids)
    return {PSS: pss, RSS: rss, COUNT: len(pids)}
