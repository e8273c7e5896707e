"""Mail that leaves: 5 KB to ten domains over 10 connections, from the first submission until the sink has the last one."""

from __future__ import annotations

import time
from functools import partial

from bench import load, ours, peers, room, zone
from bench.figures import Options, Table, Target, Values, interleave
from bench.profile import profiled
from bench.programs import running

RATE, TAKEN = "delivered/s", "submitted/s"
OURS, THEIRS = "Mailwright, RSA-2048 and Ed25519", "Postfix + opendkim, RSA-2048"
TARGETS = (Target("submission to sink, signed, beside Postfix", OURS, RATE, 2.5, THEIRS),)
SECONDS = 3  # of posting


def measure(options: Options) -> Table:
    """Ours and the peer in turn."""
    table = Table("Outbound: 5 KB, 10 connections, to 10 domains", (RATE, TAKEN), TARGETS)
    if absent := load.missing("smtp-source", "smtp-sink", "wrk"):
        table.notes.append(f"Left out; not here: {', '.join(absent)}.")
        return table
    contenders = {OURS: partial(_ours, options)}
    if absent := peers.missing("postfix", "opendkim"):
        table.notes.append(f"Left out: {THEIRS}; not here: {', '.join(absent)}.")
    else:
        contenders[THEIRS] = partial(_theirs, options)
    if options.profile:  # it is ours that can be looked into
        contenders = {name: run for name, run in contenders.items() if name.startswith("Mailwright")}
    interleave(table, contenders, options.repeats)
    table.notes.append(
        "Mailwright is handed a JSON object over REST and writes, signs twice and delivers the message; Postfix is handed the "
        "finished message over SMTP, signs it once and delivers it."
    )
    return table


def _ours(options: Options) -> Values:
    _, port = zone.shared(options.folder)
    server = ours.start(options.folder, port)
    sink = load.Sink(options.folder)
    with running(server.program, sink.program):
        mailbox = server.mailbox(f"agent@{zone.OURS}")
        key, url = server.agent_key(mailbox), f"http://{server.host}:{server.api_port}/v1/mailboxes/{mailbox}/send"
        load.post(options.folder, url, key, connections=2, seconds=1)
        before, _ = sink.until(1)
        began = time.perf_counter()
        with profiled(options, server.program.pid, "outbound"):
            posted = load.post(options.folder, url, key, connections=10, seconds=SECONDS)
            count, last = sink.until(before + posted.requests)
    if posted.refused or count < before + posted.requests:
        raise RuntimeError(f"{posted}: {count - before} arrived")
    return {RATE: (count - before) / (last - began), TAKEN: posted.requests / posted.seconds}


def _theirs(options: Options) -> Values:
    zone.shared(options.folder)
    count, author = 1500, f"agent@{zone.OURS}"
    letters = [
        load.letter(options.folder, f"out{number}", zone.message(zone.OURS, 5000, author="agent", recipient=to), author, to)
        for number, to in enumerate(f"user@d{number}.bench" for number in range(zone.DOMAINS))
    ]
    programs, sink = peers.signing(options.folder), load.Sink(options.folder)
    with running(*programs, sink.program):
        load.send(letters, 100, room.HERE, peers.PORT)
        before, _ = sink.until(100)
        began = time.perf_counter()
        took = load.send(letters, count, room.HERE, peers.PORT)
        there, last = sink.until(before + count)
    if there < before + count:
        raise RuntimeError(f"{there - before} of {count} arrived")
    return {RATE: count / (last - began), TAKEN: count / took}
