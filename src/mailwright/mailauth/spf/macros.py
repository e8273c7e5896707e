"""SPF macros: read `%{ir}.%{v}._spf.%{d2}` once, expand it for each message.

Standards: RFC 7208 §7; RFC 8616 §4 (local parts that are not ASCII).
Pure, linear. A macro string is read when its record is, so that syntax errors show before anything is asked.
Not here: finding the validated name of the client for `%{p}` (evaluate.py), which needs DNS.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import NamedTuple, TypeAlias
from urllib.parse import quote

IPAddress: TypeAlias = IPv4Address | IPv6Address

MAX_EXPLANATION = 500  # characters; an SMTP reply line holds 512 octets

_LETTERS = frozenset("slodiphv")
_LETTERS_OF_EXPLANATION = _LETTERS | frozenset("crt")  # RFC 7208 §7.3: c, r and t only in the text of exp
_MACRO = r"%\{([A-Za-z])([0-9]*)([rR]?)([.+,/_=-]*)\}|%([%_-])"
_TOKEN = re.compile(_MACRO + r"|([!-$&-~]+)")
_TOKEN_OF_EXPLANATION = re.compile(_MACRO + r"|([ -$&-~]+)")
_ESCAPES = {"%": "%", "_": " ", "-": "%20"}
_TOP_LABEL = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?")


class MacroSyntaxError(ValueError):
    """The text breaks the macro grammar; the message says where."""


class Macro(NamedTuple):
    """One `%{...}`: keep the last `keep` parts (0: all of them)."""

    letter: str
    keep: int
    reverse: bool
    delimiters: str
    escape: bool


@dataclass(frozen=True, slots=True)
class MacroString:
    """A macro string that was read. `fixed` is its value where no macro depends on the message, else None."""

    text: str
    parts: tuple[str | Macro, ...]
    fixed: str | None
    asks_name: bool  # it holds %{p}


class Facts(NamedTuple):
    """What macros speak of. `receiver` is the name of this host, `now` is in seconds since 1970 (UTC)."""

    ip: IPAddress
    local_part: str
    sender_domain: str
    helo: str
    receiver: str
    now: int


def parse_domain_spec(text: str) -> MacroString:
    """Read a domain-spec: a macro string that ends in a macro or in a top label. Raises MacroSyntaxError."""
    parts, ends_in_macro = _scan(text, _TOKEN, _LETTERS)
    if not ends_in_macro and not _ends_in_top_label(text):
        raise MacroSyntaxError(f"{text[:80]!r} is not a domain name of two labels or more")
    return _macro_string(text, parts)


def parse_macro_string(text: str) -> MacroString:
    """Read the value of a modifier that has no meaning here (RFC 7208 §6). Raises MacroSyntaxError."""
    return _macro_string(text, _scan(text, _TOKEN, _LETTERS)[0])


def parse_explanation(text: str) -> MacroString:
    """Read an explanation text, in which spaces and `c r t` are allowed too (§6.2). Raises MacroSyntaxError."""
    return _macro_string(text, _scan(text, _TOKEN_OF_EXPLANATION, _LETTERS_OF_EXPLANATION)[0])


def expand(string: MacroString, facts: Facts, domain: str, validated: str = "unknown") -> str | None:
    """The value for this message and the domain whose record is read.

    None where it would take characters outside ASCII: RFC 8616 §4 has such a term match nothing.
    """
    if string.fixed is not None:
        return string.fixed
    pieces = []
    for part in string.parts:
        piece = part if isinstance(part, str) else _value(part, facts, domain, validated)
        if not piece.isascii():
            return None
        pieces.append(piece)
    return "".join(pieces)


def expand_name(string: MacroString, facts: Facts, domain: str, validated: str = "unknown") -> str | None:
    """As `expand`, cut from the left to the 253 characters of a name."""
    name = expand(string, facts, domain, validated)
    if name is None or len(name) <= 253:
        return name
    name = name.removesuffix(".")
    # RFC 7208 §7.3: the left side is truncated by whole labels.
    cut = name.find(".", len(name) - 254)
    return name if len(name) <= 253 else name[cut + 1 :] if cut >= 0 else ""


def _scan(text: str, token: re.Pattern[str], letters: frozenset[str]) -> tuple[list[str | Macro], bool]:
    parts: list[str | Macro] = []
    at, ends_in_macro = 0, False
    while at < len(text):
        match = token.match(text, at)
        if match is None:
            raise MacroSyntaxError(f"{text[at : at + 20]!r} is neither a macro nor plain text")
        letter, digits, reverse, delimiters, escape, plain = match.groups()
        if letter is not None:
            parts.append(_macro(letter, digits, reverse, delimiters, letters))
        else:
            parts.append(plain if plain is not None else _ESCAPES[escape])
        at, ends_in_macro = match.end(), plain is None
    return parts, ends_in_macro


def _macro(letter: str, digits: str, reverse: str, delimiters: str, letters: frozenset[str]) -> Macro:
    if letter.lower() not in letters:
        raise MacroSyntaxError(f"%{{{letter}}} is not known here")
    number = digits.lstrip("0")
    if digits and not number:
        raise MacroSyntaxError(f"%{{{letter}{digits[:20]}}} keeps no part")  # RFC 7208 §7.3: the digits are not zero
    keep = int(number) if number and len(number) < 10 else 0  # a longer number is more than any value has
    return Macro(letter.lower(), keep, bool(reverse), delimiters, letter.isupper())


def _macro_string(text: str, parts: list[str | Macro]) -> MacroString:
    macros = [part for part in parts if isinstance(part, Macro)]
    fixed = None if macros else "".join(part for part in parts if isinstance(part, str))
    return MacroString(text, tuple(parts), fixed, any(macro.letter == "p" for macro in macros))


def _ends_in_top_label(text: str) -> bool:
    # RFC 7208 §7.1: toplabel is letters, digits and inner hyphens, and not all digits.
    _, dot, top = text.removesuffix(".").rpartition(".")
    return bool(dot) and _TOP_LABEL.fullmatch(top) is not None and not top.isdigit()


def _value(macro: Macro, facts: Facts, domain: str, validated: str) -> str:
    value = _raw_value(macro.letter, facts, domain, validated)
    if macro.keep or macro.reverse or macro.delimiters:
        value = _transform(value, macro)
    # RFC 7208 §7.3: upper case escapes all but the unreserved characters of RFC 3986.
    return quote(value, safe="-._~") if macro.escape and value.isascii() else value


def _transform(value: str, macro: Macro) -> str:
    delimiters = macro.delimiters or "."
    for other in delimiters[1:]:
        value = value.replace(other, delimiters[0])
    words = value.split(delimiters[0])
    if macro.reverse:
        words.reverse()
    return ".".join(words[-macro.keep :] if macro.keep else words)


def _raw_value(letter: str, facts: Facts, domain: str, validated: str) -> str:
    match letter:
        case "d":
            return domain
        case "i":
            return dotted(facts.ip)
        case "v":
            return "in-addr" if facts.ip.version == 4 else "ip6"
        case "l":
            return facts.local_part
        case "s":
            return f"{facts.local_part}@{facts.sender_domain}"
        case "o":
            return facts.sender_domain
        case "h":
            return facts.helo
        case "p":
            return validated
        case "c":
            return str(facts.ip)
        case "r":
            return facts.receiver or "unknown"
        case _:
            return str(facts.now)


def dotted(ip: IPAddress) -> str:
    """`%{i}`: dotted quad for IPv4, dotted nibbles for IPv6 (RFC 7208 §7.3)."""
    return str(ip) if ip.version == 4 else ".".join(f"{int(ip):032X}")
