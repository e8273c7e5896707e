"""The commands that read mail: `bounce`, `report`, `headers`, `mime`.

None of them asks anybody anything. They take `--zone` all the same, so that a program can call all commands about mail alike.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import typer

from mailwright.commands.given import InputFile, Json, Unasked, read, read_message, stop, tell

if TYPE_CHECKING:
    from mailwright.mail.bounces import Bounced
    from mailwright.mail.header import Header
    from mailwright.mail.mime import Part
    from mailwright.mail.received import Received

MAX_HOPS = 100
_WIDTH = 100  # columns of what strangers wrote, for people; --json has all of it


def add(cli: typer.Typer) -> None:
    """Add these commands to the command line."""
    for command in (bounce, report, headers, mime):
        cli.command()(command)


# --- bounce -------------------------------------------------------------------------------------------------------------


def bounce(file: InputFile, zone: Unasked = None, as_json: Json = False) -> None:
    """Say whether a message is a bounce, a complaint, a report or an automatic answer; about whom, why, and what to do."""
    from mailwright.mail.bounces import Kind
    from mailwright.mail.bounces import read as read_bounce
    from mailwright.mail.mime import parse
    from mailwright.mailauth.reports import read_report

    root = parse(read_message(file).lstrip(b"\r\n"))
    found = read_bounce(root)
    kind = found.kind
    if kind in (Kind.NONE, Kind.AUTOREPLY) and read_report(root) is not None:
        kind = Kind.REPORT
    recipients = [_recipient(one) for one in found.recipients]
    tell({"kind": kind.value, "recipients": recipients}, "\n".join(_bounce_lines(kind, recipients)), as_json=as_json)


def _recipient(one: Bounced) -> dict[str, Any]:
    why = one.explanation
    return {
        "address": one.address,
        "status": one.status,
        "class": why.bounce_class.value,
        "hard": one.hard,
        "reason": why.reason,
        "remedy": why.remedy,
        "action": why.action.value,
        "provider": why.provider,
        "diagnostic": one.diagnostic,
    }


def _bounce_lines(kind: str, recipients: Iterable[dict[str, Any]]) -> Iterator[str]:
    yield kind
    for one in recipients:
        hard = ", hard" if one["hard"] and one["class"] != "hard" else ""
        yield f"\n{_shown(one['address'])}  {one['class'].replace('_', ' ')}{hard}  {one['status']}".rstrip()
        yield f"    {one['reason']}" + (f" ({one['provider']})" if one["provider"] else "")
        yield f"    {one['remedy']}"
        if one["diagnostic"]:
            yield f"    > {_shown(one['diagnostic'])}"


# --- report -------------------------------------------------------------------------------------------------------------


def report(file: InputFile, zone: Unasked = None, as_json: Json = False) -> None:
    """Read a DMARC aggregate report or a TLS report: the file alone, packed or not, or the message that brought it.

    The code is 1 where it can't be used; the answer says why.
    """
    from mailwright.mail.mime import parse
    from mailwright.mailauth.reports import Unreadable, Unusable, read_report, summary
    from mailwright.mailauth.reports.message import read_file

    octets = read(file)
    found: Any = read_file(octets)
    if isinstance(found, Unreadable) and found.reason is Unusable.NOT_A_REPORT and b":" in octets[:1000]:
        found = read_report(parse(octets.lstrip(b"\r\n"))) or Unreadable(Unusable.NOT_A_REPORT, "nothing in it is a report")
    if isinstance(found, Unreadable):
        text = f"refused: {found.reason.value.replace('_', ' ')}" + (f" ({found.detail})" if found.detail else "")
        tell({"kind": "none", "reason": found.reason.value, "detail": found.detail}, text, as_json=as_json)
        raise typer.Exit(1)
    told = summary(found)
    tell(told, "\n".join(_dmarc_lines(told) if told["kind"] == "dmarc" else _tls_lines(told)), as_json=as_json)


def _report_head(told: dict[str, Any]) -> Iterator[str]:
    yield f"{told['kind']} report {_shown(told['report_id'])} by {_shown(told['organization'])} <{_shown(told['contact'])}>"
    yield f"about {_shown(told['domain'])}, {_day(told['begin'])} to {_day(told['end'])}"


def _dmarc_lines(told: dict[str, Any]) -> Iterator[str]:
    yield from _report_head(told)
    yield "policy: " + " ".join(f"{name}={_shown(value)}" for name, value in told["policy"].items())
    yield f"{told['messages']} messages, {told['passed']} passed"
    yield ""
    for one in told["records"]:
        fate = f"{one['disposition']:<11} dkim={one['dkim']:<5} spf={one['spf']:<5}"
        yield _shown(f"{one['count']:>8}  {one['source_ip']:<40} {fate} {one['header_from']}")
        for reason in one["reasons"]:
            yield _shown(f"          because: {reason['type']} {reason['comment']}")
    yield from (f"the reporter says: {_shown(one)}" for one in told["errors"])
    yield from (f"mended: {one}" for one in told["defects"])


def _tls_lines(told: dict[str, Any]) -> Iterator[str]:
    yield from _report_head(told)
    yield f"{told['sessions']} sessions, {told['failed']} failed"
    for policy in told["policies"]:
        yield _shown(f"\n{policy['type']} {policy['domain']}: {policy['successful']} went well, {policy['failed']} failed")
        for one in policy["failures"]:
            yield _shown(f"{one['count']:>8}  {one['result_type']} {one['receiving_mx_hostname']} {one['receiving_ip']}")


def _day(seconds: int | None) -> str:
    if seconds is None or not 0 <= seconds < 253_402_300_800:
        return "?"
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M")


# --- headers ------------------------------------------------------------------------------------------------------------


def headers(file: InputFile, zone: Unasked = None, as_json: Json = False) -> None:
    """Show which way a message came, with the delay at each hop, and who is seen against who sent it."""
    from mailwright.mail.header import parse_header

    header = parse_header(read_message(file).lstrip(b"\r\n"))
    hops = _hops(header)
    found = {"hops": hops, "seconds": _total(hops), "identity": _identity(header)}
    tell(found, "\n".join(_header_lines(found)), as_json=as_json)


def _hops(header: Header) -> list[dict[str, Any]]:
    """The hops in the order in which they happened: each server writes its field above those that are there."""
    from mailwright.mail.received import parse_received

    fields = [parse_received(one.value) for one in header.all("received")[:MAX_HOPS]]
    found: list[dict[str, Any]] = []
    last: datetime | None = None
    for number, one in enumerate(reversed(fields), 1):
        now = _moment(one)
        delay = int((now - last).total_seconds()) if now and last else None
        # A clock that is behind that of the hop before: what happened there can't have happened later.
        found.append({"hop": number, **_hop(one), "delay": delay, "skewed": delay is not None and delay < 0})
        last = now or last
    return found


def _hop(one: Received) -> dict[str, Any]:
    told = asdict(one)
    told["date"] = one.date.isoformat() if one.date else None
    return told


def _moment(one: Received) -> datetime | None:
    return one.date if one.date is None or one.date.tzinfo else one.date.replace(tzinfo=UTC)


def _total(hops: list[dict[str, Any]]) -> int | None:
    times = [datetime.fromisoformat(one["date"]) for one in hops if one["date"]]
    times = [one if one.tzinfo else one.replace(tzinfo=UTC) for one in times]
    return int((times[-1] - times[0]).total_seconds()) if len(times) > 1 else None


def _identity(header: Header) -> dict[str, Any]:
    from mailwright.mail.address import parse_address_list
    from mailwright.mail.words import decode_unstructured

    def listed(name: str) -> list[str]:
        return [one.addr_spec for one in parse_address_list(header.value(name) or "").mailboxes[:20]]

    authors = parse_address_list(header.value("from") or "").mailboxes[:20]
    path = header.value("return-path")
    seen = {one.addr_spec.rpartition("@")[2].lower() for one in authors}
    signed = re.findall(r"(?:^|;)\s*d\s*=\s*([^\s;]{1,255})", "\n".join(one.value for one in header.all("dkim-signature")[:20]))
    others = {name: listed(name) for name in ("sender", "reply-to")}
    moved = {one.rpartition("@")[2].lower() for found in others.values() for one in found}
    moved |= {path.strip("<> ").rpartition("@")[2].lower()} if path and path.strip("<> ") else set()
    return {
        "from": [one.addr_spec for one in authors],
        "display_names": [one.display_name for one in authors if one.display_name],
        "sender": others["sender"],
        "reply_to": others["reply-to"],
        "return_path": path.strip("<> ") if path is not None else None,
        "signed_by": list(dict.fromkeys(one.lower() for one in signed)),
        "subject": decode_unstructured(header.value("subject") or ""),
        "other_domains": sorted(moved - seen),
    }


def _header_lines(found: dict[str, Any]) -> Iterator[str]:
    identity = found["identity"]
    yield _shown(f"from         {', '.join(identity['display_names'])} <{', '.join(identity['from'])}>")
    for name, label in (("sender", "sent by"), ("reply_to", "answers to"), ("signed_by", "signed by")):
        if identity[name]:
            yield _shown(f"{label:<12} {', '.join(identity[name])}")
    if identity["return_path"] is not None:
        yield _shown(f"return path  <{identity['return_path']}>")
    if identity["other_domains"]:
        yield _shown(f"beware       other domains than the author's: {', '.join(identity['other_domains'])}")
    yield ""
    for one in found["hops"]:
        delay = "" if one["delay"] is None else f"{one['delay']:+d} s" + (" (a clock is wrong)" if one["skewed"] else "")
        origin = " ".join(dict.fromkeys(filter(None, (one["from_name"], one["from_host"], one["from_ip"]))))
        secured = " ".join(filter(None, (one["protocol"], one["tls_version"])))
        yield _shown(f"{one['hop']:>3}  {origin or '?'} -> {one['by'] or '?'}  {secured}")
        yield f"     {one['date'] or 'no date'}  {delay}".rstrip()
    if found["seconds"] is not None:
        yield f"\n{found['seconds']} s in all"


# --- mime ---------------------------------------------------------------------------------------------------------------


def mime(file: InputFile, zone: Unasked = None, as_json: Json = False) -> None:
    """Show the tree of a message's parts: types, charsets, sizes, names, and what is wrong with them."""
    from mailwright.mail.mime import parse

    octets = read(file)
    if not octets.strip():
        stop(f"{file}: there is no message in it")
    root = _part(parse(octets))
    tell(root, "\n".join(_part_lines(root, 0)), as_json=as_json)


def _part(part: Part) -> dict[str, Any]:
    return {
        "type": part.content_type,
        "charset": part.params.get("charset", ""),
        "encoding": part.encoding,
        "disposition": part.disposition,
        "filename": part.filename,
        "content_id": part.content_id,
        "start": part.start,
        "size": part.size,
        "decoded_size": None if part.children else len(part.decoded()),
        "defects": sorted(one.value for one in part.defects),
        "parts": [_part(one) for one in part.children],
    }


def _part_lines(part: dict[str, Any], depth: int) -> Iterator[str]:
    about = [part["type"], part["charset"], part["encoding"] if part["encoding"] != "7bit" else "", part["disposition"]]
    size = part["size"] if part["decoded_size"] is None else part["decoded_size"]
    name = f'"{part["filename"]}"' if part["filename"] else ""
    wrong = f"!! {', '.join(part['defects'])}" if part["defects"] else ""
    yield _shown(f"{'  ' * depth}{' '.join(filter(None, [*about, name, f'{size} octets', wrong]))}")
    for one in part["parts"]:
        yield from _part_lines(one, depth + 1)


def _shown(text: str) -> str:
    # Of strangers: nothing that could play tricks on a terminal, and no line without end.
    text = text if len(text) <= 2 * _WIDTH else f"{text[: 2 * _WIDTH - 4]} ..."
    return "".join(one if one.isprintable() or one == "\n" else "\ufffd" for one in text)
