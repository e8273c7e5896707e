"""What does a command line say? Read strictly into an event, or into the reply that refuses it.

Standards: RFC 5321 §4.1.1 and §4.1.2, RFC 1870 §4, RFC 3030 §2, RFC 3461 §4 and §5, RFC 4954 §4, RFC 6152, RFC 6531 §3.
Linear; never raises. Not here: whether the command is legal now (states.py), paths (smtp_paths.py).
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Callable, Mapping
from typing import TypeAlias

from mailwright.wire.smtp_paths import UTF8_TEXT, PathDefect, take_forward_path, take_reverse_path
from mailwright.wire.smtp_server import replies
from mailwright.wire.smtp_server.events import Auth, Body, MailFrom, Notify, RcptTo, Ret
from mailwright.wire.smtp_server.replies import Reply
from mailwright.wire.smtp_server.states import Verb

MAX_ENVID = 100  # octets as sent, RFC 3461 §4.4
MAX_ORCPT = 500  # octets as sent, RFC 3461 §4.2
MAX_PARAMETERS = 20

# Octets with CRLF: RFC 5321 §4.5.3.1.4 and what each extension adds; RFC 4954 §4 for AUTH.
LINE_LIMITS: Mapping[Verb, int] = {Verb.MAIL: 2048, Verb.RCPT: 2048, Verb.AUTH: 12288}
COMMAND_LINE = 512
AUTH_LINE = 12288

_VERBS = {verb.value.encode(): verb for verb in Verb}
# RFC 5321 appendix F, and commands with which other servers let a client speak for another (S7).
_NOT_IMPLEMENTED = frozenset([b"TURN", b"ETRN", b"ATRN", b"SEND", b"SOML", b"SAML", b"XCLIENT", b"XFORWARD", b"BURL"])
_OTHER_PROTOCOL = frozenset(b"GET POST PUT HEAD DELETE OPTIONS PATCH TRACE CONNECT PRI".split())
_KEYWORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*")
_VALUE = re.compile(rf"[!-<>-~{UTF8_TEXT}]+")
_XTEXT = re.compile(r"(?:[!-*,-<>-~]|\+[0-9A-F]{2})*")
_XTEXT_HEX = re.compile(r"\+([0-9A-F]{2})")
_ATOM = re.compile(r"[A-Za-z0-9!#$%&'*/?^_`{|}~-]+")
_NAME = re.compile(r"[!-~]{1,255}")
_MECHANISM = re.compile(r"[A-Z0-9_-]{1,20}")
_DIGITS = re.compile(r"[0-9]{1,20}")

Parameters: TypeAlias = dict[str, str | None]


def read_verb(line: bytes) -> tuple[Verb, str] | Reply:
    """Split a command line into its verb and its argument, which carries no white space at its ends."""
    word, _, rest = line.partition(b" ")
    upper = word.upper()
    verb = _VERBS.get(upper)
    if verb is None:
        # A web page can make a browser post to this port: drop it before a line of the body looks like a command.
        if upper in _OTHER_PROTOCOL or (line and not line[:1].isalpha()):
            return replies.NOT_SMTP
        return replies.NOT_IMPLEMENTED if upper in _NOT_IMPLEMENTED else replies.UNKNOWN_COMMAND
    if len(line) + 2 > LINE_LIMITS.get(verb, COMMAND_LINE):
        return replies.LINE_TOO_LONG
    try:
        # RFC 5321 §4.1.1: white space before the end of the line is tolerated.
        return verb, rest.decode("utf-8").strip(" \t")
    except UnicodeDecodeError:
        return replies.BAD_SYNTAX


def read_name(argument: str) -> str | Reply:
    """The name in EHLO or HELO."""
    # Deviates: anything printable will do, not only a domain or literal. Real clients send underscores and bare words,
    # and the name is no more than a claim (RFC 5321 §4.1.4 forbids to refuse mail for it).
    return argument if _NAME.fullmatch(argument) else replies.BAD_SYNTAX


def read_mail(argument: str) -> MailFrom | Reply:
    """The argument of MAIL."""
    at = _after_keyword(argument, "FROM:")
    found = take_reverse_path(argument, at) if at else PathDefect.SYNTAX
    if isinstance(found, PathDefect):
        return replies.BAD_REVERSE_PATH
    path, end = found
    if end == len(argument):
        return MailFrom(path) if path.is_ascii else replies.NEEDS_SMTPUTF8
    given = _parameters(argument, end, _MAIL_PARAMETERS)
    if isinstance(given, Reply):
        return given
    size, body, ret = given.get("SIZE"), given.get("BODY"), given.get("RET")
    event = MailFrom(
        path,
        size=int(size) if size else None,
        body=Body(body.upper()) if body else None,
        smtputf8="SMTPUTF8" in given,
        ret=Ret(ret.upper()) if ret else None,
        envid=_xtext(given.get("ENVID")),
        auth=_xtext(given.get("AUTH")),
        require_tls="REQUIRETLS" in given,
    )
    return event if event.smtputf8 or argument.isascii() else replies.NEEDS_SMTPUTF8


def read_rcpt(argument: str, smtputf8: bool) -> RcptTo | Reply:
    """The argument of RCPT, in a transaction with or without SMTPUTF8."""
    if not (smtputf8 or argument.isascii()):
        return replies.NEEDS_SMTPUTF8
    at = _after_keyword(argument, "TO:")
    found = take_forward_path(argument, at) if at else PathDefect.SYNTAX
    if isinstance(found, PathDefect):
        return replies.BAD_FORWARD_PATH
    path, end = found
    if end == len(argument):
        return RcptTo(path)
    given = _parameters(argument, end, _RCPT_PARAMETERS)
    if isinstance(given, Reply):
        return given
    notify, orcpt = given.get("NOTIFY"), given.get("ORCPT")
    words = notify.upper().split(",") if notify else ()
    return RcptTo(path, frozenset(map(Notify, words)), _original(orcpt) if orcpt else None)


def read_bdat(argument: str) -> tuple[int, bool] | None:
    """The argument of BDAT: how many octets, and whether they are the last; None if it can't be read."""
    size, _, last = argument.partition(" ")
    if _DIGITS.fullmatch(size) is None or last.upper() not in ("", "LAST"):
        return None
    return int(size), bool(last)


def read_auth(argument: str) -> Auth | Reply:
    """The argument of AUTH."""
    mechanism, _, initial = argument.partition(" ")
    mechanism = mechanism.upper()
    if _MECHANISM.fullmatch(mechanism) is None:
        return replies.BAD_SYNTAX
    if not initial:
        return Auth(mechanism, None)
    # RFC 4954 §4: "=" is an initial response of no octets.
    response = b"" if initial == "=" else read_base64(initial.encode())
    return replies.AUTH_NOT_BASE64 if response is None else Auth(mechanism, response)


def read_base64(line: bytes) -> bytes | None:
    """What a line of a SASL exchange holds; None if it is not base64."""
    try:
        return binascii.a2b_base64(line, strict_mode=True) if line else b""
    except binascii.Error:
        return None


def _after_keyword(argument: str, keyword: str) -> int:
    """The index of the path behind `FROM:` or `TO:`, or 0."""
    if argument[: len(keyword)].upper() != keyword:
        return 0
    at = len(keyword)
    while argument.startswith(" ", at):
        # Deviates: RFC 5321 §3.3 has no space there, and many old programs put one; it can't be misread.
        at += 1
    return at


def _parameters(argument: str, at: int, known: Mapping[str, Callable[[str | None], bool]]) -> Parameters | Reply:
    """The ESMTP parameters (RFC 5321 §4.1.2) from that index on, each known, valid and given once."""
    if argument[at] != " ":
        return replies.BAD_SYNTAX
    words = [word for word in argument[at:].split(" ") if word]
    if len(words) > MAX_PARAMETERS:
        return replies.BAD_SYNTAX
    given: Parameters = {}
    for word in words:
        keyword, equals, text = word.partition("=")
        value = text if equals else None
        if _KEYWORD.fullmatch(keyword) is None or (equals and _VALUE.fullmatch(text) is None):
            return replies.BAD_SYNTAX
        keyword = keyword.upper()
        valid = known.get(keyword)
        if valid is None:
            return replies.UNKNOWN_PARAMETER
        if keyword in given or not valid(value):
            return replies.BAD_PARAMETER
        given[keyword] = value
    return given


def _is_size(value: str | None) -> bool:
    return value is not None and _DIGITS.fullmatch(value) is not None


def _is_body(value: str | None) -> bool:
    # RFC 3030 §3: BINARYMIME is legal only where it was offered.
    return value is not None and value.upper() in (Body.SEVEN_BIT, Body.EIGHT_BIT)


def _is_ret(value: str | None) -> bool:
    return value is not None and value.upper() in (Ret.FULL, Ret.HDRS)


def _is_envid(value: str | None) -> bool:
    # RFC 3461 §4.4: what is encoded must be printable ASCII too: it is copied into a report's header.
    return value is not None and len(value) <= MAX_ENVID and _is_printable_xtext(value)


def _is_mail_auth(value: str | None) -> bool:
    return value is not None and len(value) <= MAX_ORCPT and _is_printable_xtext(value)


def _is_notify(value: str | None) -> bool:
    words = (value or "").upper().split(",")
    if not all(word in Notify.__members__ for word in words) or len(set(words)) < len(words):
        return False
    return Notify.NEVER not in words or len(words) == 1


def _is_orcpt(value: str | None) -> bool:
    kind, semicolon, address = (value or "").partition(";")
    if not semicolon or not address or len(value or "") > MAX_ORCPT or _ATOM.fullmatch(kind) is None:
        return False
    return kind.lower() == "utf-8" or _is_printable_xtext(address)


def _is_printable_xtext(value: str) -> bool:
    text = _xtext(value) if _XTEXT.fullmatch(value) else None
    return text is not None and text.isascii() and text.isprintable()


def _xtext(value: str | None) -> str | None:
    """Decode xtext (RFC 3461 §4) that was found valid."""
    if value is None or "+" not in value:
        return value
    return _XTEXT_HEX.sub(lambda found: chr(int(found[1], 16)), value)


def _original(orcpt: str) -> str:
    kind, _, address = orcpt.partition(";")
    # RFC 6533 §3: an address of type utf-8 has an encoding of its own, which a report carries on as it is.
    return orcpt if kind.lower() == "utf-8" else f"{kind};{_xtext(address)}"


_MAIL_PARAMETERS: Mapping[str, Callable[[str | None], bool]] = {
    "SIZE": _is_size,
    "BODY": _is_body,
    "SMTPUTF8": lambda value: value is None,
    "REQUIRETLS": lambda value: value is None,
    "RET": _is_ret,
    "ENVID": _is_envid,
    "AUTH": _is_mail_auth,
}
_RCPT_PARAMETERS: Mapping[str, Callable[[str | None], bool]] = {"NOTIFY": _is_notify, "ORCPT": _is_orcpt}
