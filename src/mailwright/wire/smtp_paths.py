"""Which mailbox does an SMTP path name? `<user@domain>` as it stands in MAIL FROM and RCPT TO.

Standards: RFC 5321 §4.1.2, §4.1.3, §4.5.3.1; RFC 6531 §3.3 (UTF-8).
Strict, linear, never raises. A source route is read and dropped: what counts is the address at the end (S7).
Not here: addresses in headers and from people (mail/address.py), and whether the mailbox exists.
"""

from __future__ import annotations

import ipaddress
import re
from enum import StrEnum

from mailwright.mail.address import valid_domain
from mailwright.values import dataclass

MAX_LOCAL_PART = 64  # octets, as all three: RFC 5321 §4.5.3.1.1 to .3
MAX_DOMAIN = 255
MAX_PATH = 256

# U+0080 to U+009F are controls and U+2028/2029 line ends to some: they would end up in logs and headers (S23).
UTF8_TEXT = "\u00a0-\u2027\u202a-\ud7ff\ue000-\U0010ffff"
_ATOMS = re.compile(rf"[A-Za-z0-9!#$%&'*+/=?^_`{{|}}~.{UTF8_TEXT}-]+")
_QUOTED = re.compile(rf'"((?:[ !#-\[\]-~{UTF8_TEXT}]|\\[ -~])*)"')
_PAIR = re.compile(r"\\(.)")
_DOMAIN = re.compile(rf"[A-Za-z0-9.{UTF8_TEXT}-]+")
_LITERAL = re.compile(r"\[([!-Z^-~]*)\]")
_SPECIAL = re.compile(r'(["\\])')


class PathDefect(StrEnum):
    """Why a path can't be read."""

    SYNTAX = "syntax"
    LOCAL_PART_TOO_LONG = "local-part-too-long"
    DOMAIN_TOO_LONG = "domain-too-long"
    PATH_TOO_LONG = "path-too-long"


@dataclass(frozen=True, slots=True)
class Path:
    """A mailbox. `local_part` is what is meant, without quoting; `domain` as sent, an address literal in its brackets.

    Both are empty for the null path; the domain alone is for `<postmaster>`.
    """

    local_part: str
    domain: str

    @property
    def is_null(self) -> bool:
        """True for `<>`: a bounce, which must never be bounced (RFC 5321 §4.5.5)."""
        return not (self.local_part or self.domain)

    @property
    def is_ascii(self) -> bool:
        """True where the path needs no SMTPUTF8."""
        return self.local_part.isascii() and self.domain.isascii()

    def __str__(self) -> str:
        local = self.local_part
        if not _is_dot_string(local):
            local = '"' + _SPECIAL.sub(r"\\\1", local) + '"' if self.domain else local
        return f"{local}@{self.domain}" if self.domain else local


NULL_PATH = Path("", "")


def take_path(text: str, at: int = 0) -> tuple[Path, int] | PathDefect:
    """Read the path that begins with `<` at that index; gives it and the index behind its `>`."""
    start = at
    if text.startswith("<@", at):
        at = _route_end(text, at + 1)
    elif text.startswith("<", at):
        at += 1
    else:
        return PathDefect.SYNTAX
    found = _mailbox(text, at) if at else PathDefect.SYNTAX
    if isinstance(found, PathDefect):
        return found
    path, end = found
    if not text.startswith(">", end):
        return PathDefect.SYNTAX
    if _octets(text[start : end + 1]) > MAX_PATH:
        return PathDefect.PATH_TOO_LONG
    return path, end + 1


def take_reverse_path(text: str, at: int = 0) -> tuple[Path, int] | PathDefect:
    """As `take_path`, and `<>` is the null path (RFC 5321 §4.1.1.2)."""
    return (NULL_PATH, at + 2) if text.startswith("<>", at) else take_path(text, at)


def take_forward_path(text: str, at: int = 0) -> tuple[Path, int] | PathDefect:
    """As `take_path`, and `<postmaster>` needs no domain, in any case (RFC 5321 §4.1.1.3)."""
    if text[at : at + 12].lower() == "<postmaster>":
        return Path(text[at + 1 : at + 11], ""), at + 12
    return take_path(text, at)


def _route_end(text: str, at: int) -> int:
    """The index behind the colon of a source route, or 0 if it is no route."""
    # RFC 5321 §4.1.2: A-d-l = At-domain *( "," At-domain ); accepted, and ignored (§3.6.1, appendix C).
    colon = text.find(":", at)
    hops = text[at:colon].split(",") if colon > 0 else [""]
    return colon + 1 if all(hop[:1] == "@" and _is_domain(hop[1:]) for hop in hops) else 0


def _mailbox(text: str, at: int) -> tuple[Path, int] | PathDefect:
    if text.startswith('"', at):
        quoted = _QUOTED.match(text, at)
        if quoted is None:
            return PathDefect.SYNTAX
        local, end = _PAIR.sub(r"\1", quoted[1]), quoted.end()
    else:
        atoms = _ATOMS.match(text, at)
        if atoms is None or not _dots_are_inside(atoms[0]):
            return PathDefect.SYNTAX
        local, end = atoms[0], atoms.end()
    if not text.startswith("@", end):
        return PathDefect.SYNTAX
    if _octets(text[at:end]) > MAX_LOCAL_PART:
        return PathDefect.LOCAL_PART_TOO_LONG
    domain = _DOMAIN.match(text, end + 1) or _LITERAL.match(text, end + 1)
    if domain is None:
        return PathDefect.SYNTAX
    if _octets(domain[0]) > MAX_DOMAIN:
        return PathDefect.DOMAIN_TOO_LONG
    if not (_is_literal(domain[1]) if domain.re is _LITERAL else _is_domain(domain[0])):
        return PathDefect.SYNTAX
    return Path(local, domain[0]), domain.end()


def _is_dot_string(local: str) -> bool:
    return _ATOMS.fullmatch(local) is not None and _dots_are_inside(local)


def _dots_are_inside(text: str) -> bool:
    return text[0] != "." != text[-1] and ".." not in text


def _is_domain(domain: str) -> bool:
    if not domain.isascii():
        return valid_domain(domain)
    if _DOMAIN.fullmatch(domain) is None or not _dots_are_inside(domain):
        return False
    # RFC 5321 §4.1.2: sub-domain = Let-dig [Ldh-str]; RFC 1035 §2.3.4: 63 octets a label.
    if domain[0] == "-" or domain[-1] == "-" or "-." in domain or ".-" in domain:
        return False
    return len(domain) <= 63 or all(len(label) <= 63 for label in domain.split("."))


def _is_literal(inside: str) -> bool:
    # RFC 5321 §4.1.3: `IPv6:` is the only tag that was ever standardised; other general literals name nobody.
    try:
        if inside[:5].lower() == "ipv6:":
            return "%" not in inside and bool(ipaddress.IPv6Address(inside[5:]).packed)
        return bool(ipaddress.IPv4Address(inside).packed)
    except ValueError:
        return False


def _octets(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode())
