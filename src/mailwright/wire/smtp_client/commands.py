"""The command lines a client sends, as bytes.

Standards: RFC 5321 §4.1, 1870 (SIZE), 3461 §4 (RET, ENVID, NOTIFY, ORCPT, xtext), 4616 (PLAIN), 6152, 6531, 8689.
Pure. Raises ValueError for an address that could not stand between angle brackets: nothing can be smuggled into a line.
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass, field

from mailwright.mail.header import Raw
from mailwright.wire.smtp_client.capabilities import Capabilities
from mailwright.wire.smtp_client.content import Shape

_PATH = re.compile(
    r'(?:[^\s\x00-\x20\x7f<>()\[\]\\,;:"@]+|"(?:[^\x00-\x1f\x7f"\\]|\\[ -~])*")'
    r"@(?:[^\s\x00-\x20\x7f<>()\[\]\\,;\"@]+|\[[A-Za-z0-9:.]+\])"
)
_PLAIN_XTEXT = re.compile(r"[!-*,-<>-~]*")


@dataclass(frozen=True, slots=True)
class Recipient:
    """One forward path, and what is asked about it (RFC 3461 §4.1, 4.2): NEVER, or SUCCESS, FAILURE, DELAY."""

    forward_path: str
    notify: tuple[str, ...] = ()
    original: str | None = None  # the address as first given; sent as ORCPT


@dataclass(frozen=True, slots=True)
class Transaction:
    """One message for the peer. `reverse_path` is "" for the null path; `message` in parts, in their order.

    `ret` is FULL or HDRS, `envelope_id` any printable text (RFC 3461 §4.3, 4.4). `smtputf8`: the sender asked for it.
    `require_tls` goes to a peer that understands it, or the message does not go (RFC 8689 §4.2.1): the caller sees to that.
    """

    reverse_path: str
    recipients: tuple[Recipient, ...]
    message: tuple[Raw, ...]
    ret: str | None = None
    envelope_id: str | None = None
    smtputf8: bool = False
    require_tls: bool = False


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a smarthost knows us by. The password stays out of `repr` (S28)."""

    username: str
    password: str = field(repr=False)


def xtext(text: str) -> str:
    """Encode for ENVID and ORCPT (RFC 3461 §4): `+`, `=` and all outside `!`..`~` as +HH of UTF-8."""
    if _PLAIN_XTEXT.fullmatch(text):
        return text
    return "".join(chr(octet) if 33 <= octet <= 126 and octet not in b"+=" else f"+{octet:02X}" for octet in text.encode())


def path(address: str) -> str:
    """The address in angle brackets; "" is the null path. Raises ValueError where it is no `local@domain`."""
    # RFC 5321 §4.1.2. Also what keeps CR, LF, NUL, `<`, `>` and spaces from opening a second command or parameter (S23).
    if address and (len(address) > 998 or not _PATH.fullmatch(address)):
        raise ValueError(f"not an address that SMTP can carry: {address[:80]!r}")
    return f"<{address}>"


def mail(transaction: Transaction, shape: Shape, peer: Capabilities, *, smtputf8: bool) -> bytes:
    """MAIL FROM, with the parameters that this peer understands."""
    words = ["MAIL FROM:" + path(transaction.reverse_path)]
    if "SIZE" in peer.keywords:
        words.append(f"SIZE={shape.size}")
    if peer.eight_bit and (shape.eight_bit_body or smtputf8):
        words.append("BODY=8BITMIME")
    if smtputf8:
        words.append("SMTPUTF8")
    if transaction.require_tls:
        words.append("REQUIRETLS")
    if peer.dsn and transaction.ret in ("FULL", "HDRS"):
        words.append(f"RET={transaction.ret}")
    if peer.dsn and transaction.envelope_id and transaction.envelope_id.isprintable():
        # RFC 3461 §4.4: at most 100 characters before encoding.
        words.append("ENVID=" + xtext(transaction.envelope_id[:100]))
    return _line(words)


def rcpt(recipient: Recipient, peer: Capabilities) -> bytes:
    """RCPT TO, with NOTIFY and ORCPT where the peer understands them."""
    words = ["RCPT TO:" + path(recipient.forward_path)]
    if peer.dsn and recipient.notify:
        # RFC 3461 §4.1: NEVER stands alone.
        wanted = [word for word in ("SUCCESS", "FAILURE", "DELAY") if word in recipient.notify]
        words.append("NOTIFY=" + (",".join(wanted) or "NEVER"))
    if peer.dsn and recipient.original and recipient.original.isascii():
        # Deviates: RFC 6533 §3 has a form for UTF-8 addresses; they are left out, few peers read it.
        words.append("ORCPT=rfc822;" + xtext(recipient.original))
    return _line(words)


def plain(credentials: Credentials) -> bytes:
    """The initial response of SASL PLAIN in base64 (RFC 4616 §2): no authorization identity."""
    return base64.b64encode(f"\0{credentials.username}\0{credentials.password}".encode())


def _line(words: list[str]) -> bytes:
    return (" ".join(words) + "\r\n").encode()
