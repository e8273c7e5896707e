"""The commands that sign and verify: `dkim` and `arc`. What is signed comes out on standard output, ready for the wire."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mailwright.commands.given import InputFile, Json, Now, Unasked, ZoneFile, ask, at, read, read_message, stop, tell
from mailwright.commands.judging import Helo, Ip, MailFrom, address_of, paragraph

if TYPE_CHECKING:
    from mailwright.mail.header import Header
    from mailwright.mailauth.dkim import SigningKey

Domain = Annotated[str, typer.Option("--domain", "-d", help="The domain that signs.")]
Selector = Annotated[str, typer.Option("--selector", "-s", help="Its key is at SELECTOR._domainkey.DOMAIN.")]
KeyFile = Annotated[Path, typer.Option("--key", metavar="FILE", help="The private key: PEM, or an Ed25519 seed in base64.")]


def add(cli: typer.Typer) -> None:
    """Add these commands to the command line."""
    dkim = typer.Typer(no_args_is_help=True, help="DKIM signatures.")
    dkim.command("sign")(dkim_sign)
    dkim.command("verify")(dkim_verify)
    cli.add_typer(dkim, name="dkim")
    arc = typer.Typer(no_args_is_help=True, help="ARC chains (legacy).")
    arc.command("seal")(arc_seal)
    arc.command("verify")(arc_verify)
    cli.add_typer(arc, name="arc")


def dkim_sign(
    file: InputFile,
    domain: Domain,
    selector: Selector,
    key: KeyFile,
    zone: Unasked = None,
    now: Now = None,
    as_json: Json = False,
) -> None:
    """Print the message with a DKIM signature on top; with --json, the signature alone and the record that it needs."""
    from mailwright.mail.header import parse_header
    from mailwright.mailauth import dkim

    raw = read_message(file)
    header, signer = parse_header(raw), _key(domain, selector, key)
    try:
        fields = dkim.sign(header, raw[header.body_start :], (signer,), now=at(now))
    except ValueError as wrong:
        stop(f"{file}: {wrong}")
    record = {"name": signer.name, "type": "TXT", "value": dkim.dns_record(signer)}
    _print(fields, raw, {"fields": fields.decode(), "record": record}, as_json=as_json)


def dkim_verify(file: InputFile, zone: ZoneFile = None, now: Now = None, as_json: Json = False) -> None:
    """Check every DKIM signature of a message. Ends with 0 where one of them passes."""
    from mailwright.mail.header import parse_header
    from mailwright.mailauth.dkim import Verdict, verify
    from mailwright.mailauth.summary import dkim_summary

    raw = read_message(file)
    results = ask(verify(parse_header(raw), raw, now=at(now)), zone)
    lines = [
        line
        for one in results
        for line in paragraph("dkim", one.result, f"{one.domain} (selector {one.selector})" if one.domain else "", one.steps)
    ]
    tell({"dkim": [dkim_summary(one) for one in results]}, "\n".join(lines) or "dkim      none", as_json=as_json)
    raise typer.Exit(0 if any(one.result is Verdict.PASS for one in results) else 1)


def arc_seal(
    file: InputFile,
    domain: Domain,
    selector: Selector,
    key: KeyFile,
    authserv_id: Annotated[str, typer.Option(help="Our name in Authentication-Results, else the domain.")] = "",
    headers: Annotated[str, typer.Option(help="The fields to sign, with colons between them.")] = "",
    ip: Ip = "",
    helo: Helo = "",
    mail_from: MailFrom = "",
    zone: ZoneFile = None,
    now: Now = None,
    as_json: Json = False,
) -> None:
    """Print the message with an ARC set on top that tells what was found, and whether the chain so far holds.

    What was found is taken from Authentication-Results fields of our name; where there is none, the message is checked.
    A chain that is over (it says so itself, or has 50 sets) is not sealed: the message is printed as it is, with code 1.
    """
    from mailwright.mail.header import parse_header
    from mailwright.mailauth import arc

    raw, time = read_message(file), at(now)
    header, signer, name = parse_header(raw), _key(domain, selector, key), authserv_id or domain
    chain = ask(arc.verify(header, raw, now=time), zone)
    results = _results(header, raw, name, ip, helo, mail_from, zone, time)
    names = tuple(word.strip() for word in headers.split(":") if word.strip())
    try:
        fields = arc.seal(
            header,
            raw[header.body_start :],
            signer,
            chain=chain,
            authserv_id=name,
            results=results,
            now=time,
            names=names,
        )
    except ValueError as wrong:
        stop(f"{file}: {wrong}")
    if not fields:
        typer.echo(f"mailwright: not sealed: {chain.reason or 'the chain has 50 sets'}", err=True)
    _print(fields, raw, {"fields": fields.decode(), "chain": chain.result.value}, as_json=as_json)
    raise typer.Exit(0 if fields else 1)


def arc_verify(file: InputFile, zone: ZoneFile = None, now: Now = None, as_json: Json = False) -> None:
    """Check the ARC chain of a message. Ends with 0 where it holds."""
    from mailwright.mail.header import parse_header
    from mailwright.mailauth.arc import ArcResult, verify

    raw = read_message(file)
    verdict = ask(verify(parse_header(raw), raw, now=at(now)), zone)
    found = {
        "result": verdict.result.value,
        "instance": verdict.instance,
        "sealers": list(verdict.sealers),
        "reason": verdict.reason,
        "steps": list(verdict.steps),
    }
    tell(found, "\n".join(paragraph("arc", verdict.result, "", verdict.steps)), as_json=as_json)
    raise typer.Exit(0 if verdict.result is ArcResult.PASS else 1)


def _key(domain: str, selector: str, file: Path) -> SigningKey:
    from mailwright.mailauth.dkim import load_key

    try:
        return load_key(domain, selector, read(str(file)))
    except ValueError as wrong:
        stop(f"{file}: {wrong}")


def _results(header: Header, raw: bytes, name: str, ip: str, helo: str, mail_from: str, zone: Path | None, now: int) -> str:
    from mailwright.mail.header import parse_header
    from mailwright.mailauth.authenticate import authenticate, authentication_results
    from mailwright.mailauth.authres import own_results

    found = own_results(header, name)
    if found:
        return found
    address = address_of(ip) if ip else None
    authentication = ask(authenticate(raw, header, ip=address, helo=helo, mail_from=mail_from.strip("<>"), now=now), zone)
    return own_results(parse_header(authentication_results(authentication, name)), name)


def _print(fields: bytes, raw: bytes, found: dict[str, object], *, as_json: bool) -> None:
    if as_json:
        tell(found, "", as_json=True)
    else:
        typer.echo(fields + raw, nl=False)
