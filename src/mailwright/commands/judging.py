"""The commands that judge mail: `check` a whole message, `spf` a host."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Annotated, Any

import typer

from mailwright.commands.given import InputFile, Json, Now, ZoneFile, ask, at, read_message, stop, tell

Ip = Annotated[str, typer.Option("--ip", metavar="ADDRESS", help="The address of the host that handed the message over.")]
Helo = Annotated[str, typer.Option("--helo", metavar="NAME", help="What that host called itself.")]
MailFrom = Annotated[str, typer.Option("--mail-from", metavar="ADDRESS", help="The reverse path; empty for a bounce.")]

_LINE = 110  # columns of a step for people; --json has all of it


def add(cli: typer.Typer) -> None:
    """Add these commands to the command line."""
    cli.command()(check)
    cli.command()(spf)


def check(
    file: InputFile,
    ip: Ip = "",
    helo: Helo = "",
    mail_from: MailFrom = "",
    zone: ZoneFile = None,
    now: Now = None,
    as_json: Json = False,
) -> None:
    """Say of a message what SPF, DKIM, DMARC, ARC and its Agent-Identity come to, and why. Without --ip, SPF is none."""
    from mailwright.mail.header import parse_header
    from mailwright.mail.questions import together
    from mailwright.mailauth import provenance
    from mailwright.mailauth.authenticate import authenticate
    from mailwright.mailauth.summary import summary

    raw = read_message(file)
    header, address, time = parse_header(raw), address_of(ip) if ip else None, at(now)
    authentication, identity = ask(
        together(
            authenticate(raw, header, ip=address, helo=helo, mail_from=mail_from.strip("<>"), now=time),
            provenance.verify(header, raw, now=time),
        ),
        zone,
    )
    found = summary(authentication)
    found["spf"] = {name: found["spf"][name] for name in ("result", "steps")}
    found["identity"] = {"verdict": identity.verdict.value, "steps": list(identity.steps)}
    tell(found, "\n".join(_lines(found)), as_json=as_json)


def spf(
    ip: Ip,
    helo: Helo = "",
    mail_from: MailFrom = "",
    zone: ZoneFile = None,
    now: Now = None,
    as_json: Json = False,
) -> None:
    """Say whether a host may send with this reverse path, or, where that is empty, under this HELO name."""
    from mailwright.mailauth.spf import SpfResult, check_host

    verdict = ask(check_host(address_of(ip), mail_from=mail_from.strip("<>"), helo=helo, now=at(now)), zone)
    found = {
        "result": verdict.result.value,
        "domain": verdict.domain,
        "scope": verdict.scope.value,
        "mechanism": verdict.mechanism,
        "explanation": verdict.explanation,
        "reason": verdict.reason,
        "steps": list(verdict.steps),
    }
    text = "\n".join(paragraph("spf", verdict.result, f"{verdict.domain} ({verdict.scope})", verdict.steps))
    tell(found, text, as_json=as_json)
    raise typer.Exit(0 if verdict.result is SpfResult.PASS else 1)


def address_of(text: str) -> IPv4Address | IPv6Address:
    """The address that `--ip` gives, with or without brackets. Stops where it is none."""
    try:
        return ip_address(text.strip().strip("[]").removeprefix("IPv6:"))
    except ValueError:
        stop(f"--ip is not an address: {text[:80]!r}")


def paragraph(method: str, result: str, about: str, steps: Iterable[str]) -> Iterator[str]:
    """A verdict for people: what it is on one line, and under it how it came about."""
    yield f"{method:<9} {result:<10} {about}".rstrip()
    yield from (f"          {_shown(step)}" for step in steps)


def _shown(text: str) -> str:
    # Of strangers: nothing that could play tricks on a terminal, and no more of a key than tells it apart.
    text = text if len(text) <= _LINE else f"{text[: _LINE - 20]} ... {text[-15:]}"
    return "".join(character if character.isprintable() else "\ufffd" for character in text)


def _lines(found: dict[str, Any]) -> Iterator[str]:
    dmarc = found["dmarc"]
    yield from paragraph("spf", found["spf"]["result"], "", found["spf"]["steps"])
    for one in found["dkim"]:
        about = f"{one['domain']} (selector {one['selector']})" if one["domain"] else ""
        yield from paragraph("dkim", one["result"], about, one["steps"])
    if not found["dkim"]:
        yield from paragraph("dkim", "none", "", ["the message is not signed"])
    asked = f", asks for {dmarc['policy']}: {dmarc['disposition']}" if dmarc["policy"] else ""
    yield from paragraph("dmarc", dmarc["result"], f"{dmarc['domain']}{asked}", dmarc["steps"])
    yield from paragraph("arc", found["arc"]["result"], "", found["arc"]["steps"])
    yield from paragraph("identity", found["identity"]["verdict"], "", found["identity"]["steps"])
