"""POST send, answered when it is durable: 5 KB over 50 connections. Deliveries go on meanwhile, as they do for users."""

from __future__ import annotations

from functools import partial

from bench import load, ours, zone
from bench.figures import Options, Table, Target, Values, interleave
from bench.profile import profiled
from bench.programs import running

RATE, P50, P99, MOST = "answers/s", "p50 ms", "p99 ms", "longest ms"
HELD, SENT = "POST send, held for approval", "POST send, delivered meanwhile"
TARGETS = (
    Target("POST send at 50 connections, a second", SENT, RATE, 1500),
    Target("p99, ms", SENT, P99, 60, at_most=True),
)


def measure(options: Options) -> Table:
    """With everything on, and with nothing to deliver."""
    table = Table("POST send: 5 KB, 50 connections", (RATE, P50, P99, MOST), TARGETS)
    if absent := load.missing("smtp-sink", "wrk"):
        table.notes.append(f"Left out; not here: {', '.join(absent)}.")
        return table
    contenders = {SENT: partial(_posted, options, "autonomous"), HELD: partial(_posted, options, "gated_send")}
    interleave(table, contenders, options.repeats)
    table.notes.append("Held mail waits for a person: what answering alone can do, with nothing to sign and deliver beside it.")
    return table


def _posted(options: Options, oversight: str) -> Values:
    _, port = zone.shared(options.folder)
    server = ours.start(options.folder, port)
    sink = load.Sink(options.folder)
    with running(server.program, sink.program):
        box = str(server.post("/v1/mailboxes", {"address": f"agent@{zone.OURS}", "oversight_mode": oversight})["id"])
        key, url = server.agent_key(box), f"http://{server.host}:{server.api_port}/v1/mailboxes/{box}/send"
        load.post(options.folder, url, key, connections=2, seconds=1)
        with profiled(options, server.program.pid, f"api {oversight}"):
            posted = load.post(options.folder, url, key, connections=50, seconds=4)
    if posted.refused:
        raise RuntimeError(f"{posted.refused} were refused")
    return {RATE: posted.requests / posted.seconds, P50: posted.p50, P99: posted.p99, MOST: posted.most}
