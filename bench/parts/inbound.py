"""Mail that comes in: 5 KB over 10 kept connections, until the last one has its 250."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

from bench import load, ours, peers, room, zone
from bench.figures import Options, Table, Target, Values, interleave
from bench.profile import profiled
from bench.programs import Program, running

RATE = "messages/s"
CHECKED, PLAIN = "Mailwright, all checks", "Mailwright, all checks, plain mail"
MILTERS, RSPAMD = "Postfix + opendkim + policyd-spf + opendmarc", "Postfix + rspamd (dkim, spf, dmarc)"
MAILDIR = "Postfix to Maildir, no checks, plain mail"
TARGETS = (
    Target("SPF + DKIM + DMARC, beside the milters", CHECKED, RATE, 4, MILTERS),
    Target("SPF + DKIM + DMARC, beside rspamd", CHECKED, RATE, 2.5, RSPAMD),
    Target("stored durably, beside a Maildir", PLAIN, RATE, 2.5, MAILDIR),
)
UNKNOWN = "user@plain.test"  # of a domain that publishes nothing


def measure(options: Options) -> Table:
    """Ours and the peers' in turn."""
    table = Table("Inbound: 5 KB, 10 connections", (RATE, "in the mailbox/s"), TARGETS)
    if load.missing("smtp-source"):
        table.notes.append("Left out: smtp-source (Postfix) is not installed.")
        return table
    now = int(time.time())
    signed = [
        load.letter(options.folder, f"signed{number}", zone.signed(f"d{number}.bench", 5000, now), f"user@d{number}.bench")
        for number in range(zone.DOMAINS)
    ]
    plain = [load.letter(options.folder, "plain", zone.message("plain.test", 5000), UNKNOWN)] * zone.DOMAINS
    contenders: dict[str, Callable[[], Values]] = {
        CHECKED: partial(_ours, options, signed, 4000),
        PLAIN: partial(_ours, options, plain, 4000),
    }
    seen: dict[str, str] = {}
    for name, start, letters, count, needs in (
        (MILTERS, peers.checked_by_milters, signed, 800, ("postfix", "opendkim", "opendmarc", "policyd-spf")),
        (RSPAMD, peers.checked_by_rspamd, signed, 1200, ("postfix", "rspamd")),
        (MAILDIR, peers.unchecked, plain, 2500, ("postfix",)),
    ):
        if absent := peers.missing(*needs):
            table.notes.append(f"Left out: {name}; not here: {', '.join(absent)}.")
        else:
            contenders[name] = partial(_theirs, options, name, start, letters, count, seen)
    if options.profile:  # it is ours that can be looked into
        contenders = {name: run for name, run in contenders.items() if name.startswith("Mailwright")}
    interleave(table, contenders, options.repeats)
    table.notes += [f"{name} wrote: {words}." for name, words in seen.items()]
    table.notes.append(
        "Mailwright's 250 means stored and filed in its thread. Its checks can't be switched off: plain mail comes from a "
        "domain that publishes nothing, and the checks find that out. Postfix's 250 means queued; the second column of the "
        "Maildir's row is mail that was filed. rspamd runs its checks of DKIM, SPF and DMARC and writes what it tells."
    )
    return table


def _ours(options: Options, letters: list[load.Letter], count: int) -> Values:
    _, port = zone.shared(options.folder)
    server = ours.start(options.folder, port)
    with running(server.program):
        server.mailbox(f"agent@{zone.OURS}")
        load.send(letters, count // 10, server.host, server.smtp_port)  # warm
        with profiled(options, server.program.pid, "inbound"):
            rate = count / load.send(letters, count, server.host, server.smtp_port)
        latest = server.get("/v1/messages?limit=1")["items"][0]["message_id"]
        found = server.get(f"/v1/messages/{latest}")["verified_domain"]
    if (found is None) != (letters[0].mail_from == UNKNOWN):
        raise RuntimeError(f"DMARC found {found}")
    return {RATE: rate, "in the mailbox/s": rate}


def _theirs(
    options: Options,
    name: str,
    start: Callable[..., list[Program]],
    letters: list[load.Letter],
    count: int,
    seen: dict[str, str],
) -> Values:
    zone.shared(options.folder)
    programs = start(options.folder)
    with running(*programs):
        load.send(letters, count // 10, room.HERE, peers.PORT)
        began = time.perf_counter()
        values = {RATE: count / load.send(letters, count, room.HERE, peers.PORT)}
        if start is peers.unchecked:
            while peers.filed(options.folder) < count + count // 10 and time.perf_counter() - began < 30:
                time.sleep(0.02)
            values["in the mailbox/s"] = count / (time.perf_counter() - began)
        else:
            seen.setdefault(name, peers.verdict(options.folder))
    return values
