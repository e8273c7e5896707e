"""Is this exactly one address that we may act on? For envelopes, for input of the API and for decisions.

Standards: RFC 5321 §4.1.2, §4.1.3 and §4.5.3.1, RFC 6531 §3.3.
Pure, linear. Refuses with InvalidAddress: no comments, no folding, no old forms, nothing guessed.
Not here: header fields as they come in (lists.py).
"""

from __future__ import annotations

import ipaddress
import re
import unicodedata

from mailwright.mail.address.model import DOT_STRING, Address, InvalidAddress, domain_to_ascii

MAX_LOCAL_PART = 64  # octets, RFC 5321 §4.5.3.1.1
MAX_ADDRESS = 254  # octets: a path has at most 256, angle brackets included (RFC 5321 §4.5.3.1.3)
MAX_DISPLAY_NAME = 900  # octets: it must fit on one line of 998 (RFC 5322 §2.1.1)

_QUOTED = re.compile(r'"[^"\\\x00-\x1f\x7f]*(?:\\[ -~][^"\\\x00-\x1f\x7f]*)*"')
_PAIR = re.compile(r"\\(.)")
_NAME_SPECIAL = re.compile(r'[()<>\[\]:;@\\,"]')
_INVISIBLE = frozenset(["Cc", "Cf", "Cs", "Cn", "Zs", "Zl", "Zp"])
_JOINERS = "\u200c\u200d"  # needed to write some scripts (RFC 5892 appendix A)


def parse_envelope_address(text: str) -> Address:
    """Read a Mailbox of RFC 5321 §4.1.2 (RFC 6531 §3.3), without brackets; address literals are allowed.

    Raises InvalidAddress.
    """
    return _parse(text, literals=True)


def parse_mailbox(text: str) -> Address:
    """Read exactly one mailbox: `user@domain`, `<user@domain>` or `Name <user@domain>`; the name may be quoted.

    Raises InvalidAddress, for address literals and encoded words too.
    """
    text = text.strip(" \t")
    if not text.endswith(">"):
        return _parse(text, literals=False)
    phrase, bracket, spec = text[:-1].rpartition("<")
    if not bracket:
        raise InvalidAddress("there is a '>' without a '<'")
    address = _parse(spec, literals=False)
    return Address(_display_name(phrase.strip(" \t")), address.local_part, address.domain)


def valid_domain(text: str) -> bool:
    """True for a domain that mail can be addressed to: LDH labels or U-labels, no final dot, no literal."""
    try:
        domain_to_ascii(text)
    except InvalidAddress:
        return False
    return True


def _parse(text: str, *, literals: bool) -> Address:
    if len(text) > MAX_ADDRESS:
        raise InvalidAddress("the address is longer than 254 octets")
    if text.startswith('"'):
        match = _QUOTED.match(text)
        if match is None:
            raise InvalidAddress("the quoted local part has no end or a character that is not allowed")
    else:
        match = DOT_STRING.match(text)
        if match is None:
            raise InvalidAddress(_local_reason(text))
    local, at, domain = match[0], text[match.end() : match.end() + 1], text[match.end() + 1 :]
    if at != "@":
        raise InvalidAddress(_local_reason(text) if "@" in text else "there is no @")
    _check_local_part(local)
    _check_domain(domain, literals)
    if len(text.encode("utf-8", "replace")) > MAX_ADDRESS:
        raise InvalidAddress("the address is longer than 254 octets")
    # RFC 5321 §4.1.2: "\a" and "a" mean the same mailbox, so what is kept is the meaning.
    return Address("", _PAIR.sub(r"\1", local[1:-1]) if local[0] == '"' else local, domain)


def _local_reason(text: str) -> str:
    local = text.partition("@")[0]
    if not text:
        return "there is no address"
    if not local:
        return "there is nothing before the @"
    if local[0] == "." or local[-1] == "." or ".." in local:
        return "the local part has a dot at its start or end, or two in a row"
    return "the local part has a character that is not allowed unless quoted"


def _check_local_part(local: str) -> None:
    if len(local.encode("utf-8", "replace")) > MAX_LOCAL_PART:
        raise InvalidAddress("the local part is longer than 64 octets")
    if "=?" in local and "?=" in local:
        # RFC 2047 §5: an encoded word must not be used in an addr-spec; readers that decode one see another address.
        raise InvalidAddress("the local part looks like an encoded word")
    if not local.isascii() and any(invisible(character) for character in local.replace(" ", "")):
        raise InvalidAddress("the local part has a character that can't be seen")


def _check_domain(domain: str, literals: bool) -> None:
    if not domain.startswith("["):
        domain_to_ascii(domain)
    elif not literals:
        raise InvalidAddress("an IP address in brackets is not allowed here")
    elif not _valid_literal(domain):
        raise InvalidAddress("the address literal is no IP address")


def _valid_literal(domain: str) -> bool:
    # RFC 5321 §4.1.3: [192.0.2.1] and [IPv6:2001:db8::1]; a General-address-literal has no registered tag.
    inner = domain[1:-1]
    if not domain.endswith("]"):
        return False
    try:
        if inner[:5].lower() == "ipv6:":
            return "%" not in inner and bool(ipaddress.IPv6Address(inner[5:]))
        return bool(ipaddress.IPv4Address(inner))
    except ValueError:
        return False


def _display_name(phrase: str) -> str:
    if len(phrase.encode("utf-8", "replace")) > MAX_DISPLAY_NAME:
        raise InvalidAddress("the name is longer than 900 octets")
    if phrase.startswith('"'):
        if _QUOTED.fullmatch(phrase) is None:
            raise InvalidAddress("the quoted name has no end or a character that is not allowed")
        name = _PAIR.sub(r"\1", phrase[1:-1])
    elif _NAME_SPECIAL.search(phrase):
        raise InvalidAddress("the name has a character that must be quoted")
    else:
        name = phrase
    if not name.isprintable():
        raise InvalidAddress("the name has a control character")
    if "=?" in name and "?=" in name:
        raise InvalidAddress("the name is an encoded word; give it as plain text")
    return name


def invisible(character: str) -> bool:
    """True for spaces, controls, direction marks and unassigned code points: what a person can't tell apart."""
    return unicodedata.category(character) in _INVISIBLE and character not in _JOINERS
