"""What follows from what was seen. Pure: values in, findings out; times are seconds since 1970 UTC unless said otherwise.

Standards: RFC 5321 §4.1.1.1 and §4.1.4 (the name in EHLO), RFC 1912 §2.1 (every address has a PTR that leads back).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mailwright.core.inspection import Checks, Found
from mailwright.core.model import Alignment
from mailwright.doctor.finding import Finding, failed, ok, unknown, warning
from mailwright.mail.questions import Answer, Status

MEGABYTE = 1024 * 1024
DAY = 86_400
SLOW_SYNC = 0.1
TOO_QUICK_SYNC = 0.00002  # no disk is that quick: the file system is memory, or does not sync
CLOCK_SKEW = 5.0
EXPIRES_SOON = 14 * DAY
OLD_KEY = 365 * DAY
SPARE_FILES = 300  # for the store, deliveries, DNS, and what Python opens by itself

SILENT = (Status.SERVFAIL, Status.TIMEOUT)


def data_folder(mode: int, owner: int, us: int, open_files: Sequence[str]) -> list[Finding]:
    """`mode` and `owner` of the folder; `open_files` are those within that others may read or write."""
    found = []
    if owner != us and us != 0:
        found.append(failed("data folder", f"it belongs to user {owner}, and this is user {us}", "Run as its owner."))
    # A folder that others can't enter hides what is in it, whatever the modes within.
    if mode & 0o077 and open_files:
        names = ", ".join(sorted(open_files)[:5])
        found.append(failed("data folder", f"other users may read or change {names}", "chmod -R go= on the data folder."))
    elif mode & 0o022:
        found.append(failed("data folder", f"other users may change it (mode {mode:o})", "chmod 700 on the data folder."))
    whose = "its files are" if mode & 0o077 else "it is"
    return found or [ok("data folder", f"{whose} for the owner only")]


def disk(free: int, wanted: int) -> Finding:
    """`free` and `wanted` bytes: with less, new mail is refused."""
    told = f"{free // MEGABYTE:,} MB are free; new mail is refused below {wanted // MEGABYTE:,} MB (limits.free_disk_mb)"
    if free < wanted:
        return failed("disk", told, "Make room, or move the data folder to a larger disk.")
    return warning("disk", told, "Make room before mail is refused.") if free < 10 * wanted else ok("disk", told)


def durability(seconds: float | None, wrong: str) -> Finding:
    """How long a write took to be on the disk; None and a reason where it failed."""
    if seconds is None:
        return failed("fsync", f"a file can't be written durably: {wrong}", "Mend the disk, or its permissions.")
    told = f"a small write is on the disk after {1000 * seconds:.2f} ms"
    if seconds < TOO_QUICK_SYNC:
        return warning("fsync", f"{told}: no disk is that quick", "Don't keep the data folder in memory (tmpfs).")
    if seconds > SLOW_SYNC:
        return warning("fsync", f"{told}: every acknowledged message waits for that", "Use a local disk with a write cache.")
    return ok("fsync", told)


def open_file_limit(soft: int, connections: int) -> Finding:
    """The limit on open files, and the SMTP connections that are allowed at once."""
    told = f"{soft:,} files may be open; {connections:,} connections are allowed (smtp.connections_limit)"
    if soft < connections + SPARE_FILES:
        return warning("open files", told, f"LimitNOFILE={connections + 1000} in the unit, or a lower smtp.connections_limit.")
    return ok("open files", told)


def resolver(answer: Answer, name: str) -> Finding:
    """Its answer about our own name: any word from an authority will do."""
    if answer.status in SILENT:
        return failed("resolver", f"it does not answer about {name}: {answer.status}", "Set dns.nameservers to one that does.")
    return ok("resolver", f"it answers about {name}")


@dataclass(frozen=True, slots=True)
class Names:
    """What DNS says of our name and addresses. `back` has the addresses of each name that a PTR gave."""

    forward: Sequence[str]
    reverse: Mapping[str, Answer]
    back: Mapping[str, Sequence[str]]


def outgoing_name(hostname: str, addresses: Sequence[str], names: Names) -> list[Finding]:
    """The name in EHLO and the PTR of every address that mail leaves from."""
    if "." not in hostname:
        return [failed("HELO name", f"{hostname!r} is no full name", "Set server.hostname to this host's name in DNS.")]
    if not addresses:
        text = "server.addresses is empty: nobody can tell which addresses mail leaves from"
        return [warning("HELO name", text, "Set server.addresses to the public addresses.")]
    found = [_forward(hostname, addresses, names.forward)]
    return found + [_reverse(hostname, one, names) for one in addresses]


def _forward(hostname: str, addresses: Sequence[str], forward: Sequence[str]) -> Finding:
    missing = sorted(set(addresses) - set(forward))
    if missing:
        text = f"{hostname} does not resolve to {', '.join(missing)}, but to {', '.join(forward) or 'nothing'}"
        return failed("HELO name", text, "Publish an A or AAAA record of server.hostname for each address.")
    return ok("HELO name", f"{hostname} resolves to {', '.join(addresses)}")


def _reverse(hostname: str, address: str, names: Names) -> Finding:
    answer = names.reverse[address]
    if answer.status in SILENT:
        return unknown("FCrDNS", f"DNS did not answer about the PTR of {address}: {answer.status}", "Try again later.")
    pointed = [one.rstrip(".").lower() for one in answer.records]
    confirmed = [one for one in pointed if address in names.back.get(one, ())]
    if hostname.lower() in confirmed:
        return ok("FCrDNS", f"{address} points to {hostname}, and that back")
    fix = f"Ask whoever gave you {address} to set its PTR to {hostname}."
    if confirmed:
        return warning("FCrDNS", f"{address} points to {confirmed[0]}, and not to {hostname}", fix)
    told = f"points to {', '.join(pointed)}, which does not lead back" if pointed else "has no PTR"
    return failed("FCrDNS", f"{address} {told}: large receivers refuse its mail", fix)


def domain(name: str, checks: Checks) -> Finding:
    """The records of a domain, as `domains verify` judges them."""
    wrong = [one for one in checks.checks if one.found is not Found.VALID]
    told = "; ".join(f"{one.record.type} {one.record.name}: {one.why}" for one in wrong[:4])
    fix = f"Publish what `mailwright domains zone {name}` prints."
    if checks.status is not Alignment.ALIGNED:
        if any(one.found is Found.UNKNOWN for one in wrong) and not any(one.found is Found.INVALID for one in wrong):
            return unknown(f"domain {name}", told, "Try again when DNS answers.")
        return failed(f"domain {name}", told or checks.detail, fix)
    return warning(f"domain {name}", told, fix) if wrong else ok(f"domain {name}", checks.detail)


def signing_keys(name: str, age: float) -> Finding:
    """`age` in seconds of the keys that sign for a domain."""
    told = f"the keys are {age / DAY:.0f} days old"
    if age > OLD_KEY:
        return warning(f"keys of {name}", told, "Keys that are a year old should be replaced by new ones.")
    return ok(f"keys of {name}", told)


@dataclass(frozen=True, slots=True)
class Port:
    """What is at one of our ports: its first words where somebody answers, the reason where nobody may listen."""

    answered: bool
    words: str = ""
    cannot_listen: str = ""


def port(what: str, number: int, seen: Port, expected: str) -> Finding:
    """`expected` stands in the first words of our own server."""
    name = f"{what} port {number}"
    if seen.answered and expected.lower() in seen.words.lower():
        return ok(name, "this server answers")
    if seen.answered:
        text = f"somebody else answers: {seen.words[:80]!r}"
        return failed(name, text, "Stop that program, or give the port's setting another number.")
    if seen.cannot_listen:
        fix = "Start as root with server.user set, or grant CAP_NET_BIND_SERVICE, as the systemd unit does."
        return failed(name, f"nobody listens, and we may not: {seen.cannot_listen}", fix)
    return warning(name, "it is free: the server does not run", "Start it: mailwright serve.")


def outbound(host: str, number: int, words: str | None, wrong: str) -> Finding:
    """What a mail exchanger said at first; None and the reason where it could not be reached."""
    name = f"outbound port {number}"
    if words is None:
        fix = "Ask your provider to open outgoing port 25, or send through a smarthost."
        return failed(name, f"{host} can't be reached: {wrong}", fix)
    if not words.startswith("220"):
        fix = "Somebody on the way may answer in its place, or it refuses this host."
        return warning(name, f"{host} says {words[:80]!r}", fix)
    return ok(name, f"{host} answers")


@dataclass(frozen=True, slots=True)
class Clock:
    """The clock; the latest moment that the store tells of; how far our own server's Date is off, in seconds."""

    now: float
    stored: float | None
    date_skew: float | None


def clock(seen: Clock, released: float) -> list[Finding]:
    """`released`: when this version was made, which can't be later than now."""
    fix = "Set the clock by NTP (timedatectl set-ntp true)."
    if seen.now < released:
        return [failed("clock", "it shows a time before this version was made", fix)]
    if seen.stored is not None and seen.stored > seen.now + CLOCK_SKEW:
        text = f"the store tells of what happened {seen.stored - seen.now:.0f} s from now: the clock was set back"
        return [failed("clock", text, fix)]
    if seen.date_skew is not None and abs(seen.date_skew) > CLOCK_SKEW:
        return [failed("clock", f"the server's clock differs from this one by {seen.date_skew:.0f} s", fix)]
    text = "it agrees with all that is known here; whether it agrees with the world can't be seen without asking somebody"
    return [ok("clock", text)]


@dataclass(frozen=True, slots=True)
class CertificateSeen:
    """A certificate: for which names, from when until when, made by its own key?"""

    names: Sequence[str]
    not_before: float
    not_after: float
    self_signed: bool


def certificate(what: str, host: str, seen: CertificateSeen, now: float) -> Finding:
    """Whether it is good for a name."""
    name = f"certificate of {what}"
    days = (seen.not_after - now) / DAY
    if seen.not_after <= now:
        return failed(name, f"it ended {-days:.0f} days ago", "Put a new one in its place; a running server takes it up.")
    if seen.not_before > now:
        return failed(name, "it is not valid yet", "Look at the clock, or at the certificate.")
    if not any(covers(one, host) for one in seen.names):
        return failed(name, f"it is for {', '.join(seen.names[:5]) or 'no name'}, and not for {host}", f"Get one for {host}.")
    if seen.self_signed:
        text = f"for {host}, of our own making: peers encrypt with it, but can't tell who we are"
        return warning(name, text, "Set smtp.tls_certificate and smtp.tls_key, or acme.domains.")
    if seen.not_after < now + EXPIRES_SOON:
        return warning(name, f"it ends in {days:.0f} days", "Renew it.")
    return ok(name, f"for {host}, for another {days:.0f} days")


def covers(pattern: str, host: str) -> bool:
    """RFC 9525 §6.3: a `*` stands for one whole label, the first."""
    pattern, host = pattern.lower().rstrip("."), host.lower().rstrip(".")
    if pattern.startswith("*."):
        return host.partition(".")[2] == pattern[2:] and bool(pattern[2:])
    return pattern == host


def private_key(path: str, mode: int) -> Finding:
    """Who may read the file of a private key."""
    if mode & 0o077:
        # A group that may read is how certificates are often shared; everybody is too many.
        text = f"{path} may be read by others (mode {mode:o})"
        return (failed if mode & 0o007 else warning)("private key", text, f"chmod 600 {path}")
    return ok("private key", f"{path} is for its owner only")


def store(problems: Sequence[str]) -> Finding:
    """What the database's own quick check found."""
    if problems:
        return failed("store", "; ".join(problems[:3]), "mailwright verify-data says all; then restore a backup.")
    return ok("store", "the quick check of the database found nothing; mailwright verify-data reads all of it")
