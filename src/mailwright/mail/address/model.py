"""What is an address? The values that the readers give, and the form in which domains are compared.

Standards: RFC 5322 §3.4, RFC 5321 §2.4, RFC 5890-5892 (IDNA 2008, nothing mapped but case).
Not here: reading (strict.py, lists.py).
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache

import idna

MAX_DOMAIN = 253  # RFC 5321 §4.5.3.1.2 says 255 octets, which is 253 characters of text (RFC 1035 §2.3.4)

ATEXT = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~\u0080-\U0010ffff-]+"  # RFC 5322 §3.2.3 and RFC 6532 §3.2
DOT_STRING = re.compile(rf"{ATEXT}(?:\.{ATEXT})*")
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_PHRASE_SPECIAL = re.compile(r'[()<>\[\]:;@\\,."\x00-\x1f\x7f]')


class InvalidAddress(ValueError):
    """The text is no address that we may act on; the message says why in plain words."""


class AddressDefect(StrEnum):
    """What is wrong with an address list. The first three are old forms that RFC 5322 §4.4 tells readers to accept."""

    OBSOLETE = "obsolete-syntax"  # spaces or comments beside a dot or an @; a dot in an unquoted name
    ROUTE = "route"  # <@relay:user@domain>; the route is ignored
    EMPTY_ELEMENT = "empty-element"  # ", ,"
    UNCLOSED = "unclosed"  # a quoted string, comment, bracket or group without its end
    MISPLACED = "misplaced"  # something where the grammar has no place for it
    NAME_HAS_ADDRESS = "address-in-name"  # a@one.example <b@two.example>: which is it?
    SEVERAL_AT = "several-at"
    NO_DOMAIN = "no-domain"
    NO_ADDRESS = "no-address"  # a name alone
    TOO_LONG = "too-long"  # cut


_HARMLESS = frozenset([AddressDefect.OBSOLETE, AddressDefect.ROUTE, AddressDefect.EMPTY_ELEMENT])


@dataclass(frozen=True, slots=True)
class Address:
    """One mailbox. `local_part` is what is meant, without quoting; `domain` is as written, without comments.

    Out of a lenient list `domain` may be empty ("root"), and both may be (a name alone). `comment` is what stood in
    parentheses, and takes no part in comparison.
    """

    display_name: str
    local_part: str
    domain: str
    comment: str = field(default="", compare=False)

    @property
    def addr_spec(self) -> str:
        """`local-part@domain`, the local part quoted where it must be (RFC 5322 §3.4.1)."""
        if not self.domain:
            return self.local_part
        local = self.local_part
        return f"{local if DOT_STRING.fullmatch(local) else _quote(local)}@{self.domain}"

    @property
    def domain_ascii(self) -> str:
        """The domain in the form to compare and to look up: A-labels, lower case (RFC 5890 §2.3.2.1).

        A domain that has no such form is returned in lower case and otherwise as it is.
        """
        if self.domain.isascii():
            return self.domain.lower()
        try:
            return domain_to_ascii(self.domain)
        except InvalidAddress:
            return self.domain.lower()

    @property
    def needs_smtputf8(self) -> bool:
        """True where the local part can't be sent without SMTPUTF8 (RFC 6531 §3.2); domains have A-labels."""
        return not self.local_part.isascii()

    def __str__(self) -> str:
        """`Name <local-part@domain>`, the name quoted where it must be; for people and logs, not for header fields."""
        name = self.display_name
        if not name:
            return self.addr_spec
        return f"{_quote(name) if _PHRASE_SPECIAL.search(name) else name} <{self.addr_spec}>"


@dataclass(frozen=True, slots=True)
class Group:
    """A named group (RFC 5322 §3.4). `mailboxes` may be empty, as in `undisclosed recipients:;`."""

    display_name: str
    mailboxes: tuple[Address, ...]
    comment: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class AddressList:
    """All mailboxes from left to right, members of groups included; the groups; and what is wrong."""

    mailboxes: tuple[Address, ...] = ()
    groups: tuple[Group, ...] = ()
    defects: frozenset[AddressDefect] = frozenset()

    @property
    def sound(self) -> bool:
        """True where the grammar (old forms included) was kept, so that every reader finds the same mailboxes."""
        return self.defects <= _HARMLESS


def _quote(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


@lru_cache(maxsize=4096)
def domain_to_ascii(text: str) -> str:
    """A domain's A-labels in lower case. Raises InvalidAddress where mail can't be addressed to it.

    LDH labels or U-labels, no final dot, no literal.
    """
    if not text:
        raise InvalidAddress("the domain is missing")
    if len(text) > MAX_DOMAIN:  # before IDNA, whose cost grows faster than its input
        raise InvalidAddress("the domain is longer than 253 characters")
    domain = text.lower() if text.isascii() else _a_labels(text)
    if len(domain) > MAX_DOMAIN:
        raise InvalidAddress("the domain is longer than 253 characters")
    for label in domain.split("."):
        if _LABEL.fullmatch(label) is None:
            raise InvalidAddress(_label_reason(label))
    return domain


def _a_labels(domain: str) -> str:
    labels = unicodedata.normalize("NFC", domain.lower()).split(".")
    try:
        # RFC 5891 §4.4; UTS 46 is off, so that no character but a capital turns into another one.
        return ".".join(label if label.isascii() else idna.alabel(label).decode("ascii") for label in labels)
    except (UnicodeError, ValueError, IndexError) as error:
        raise InvalidAddress("the domain is no internationalised domain name") from error


def _label_reason(label: str) -> str:
    if not label:
        return "the domain has an empty label (a dot too many)"
    if len(label) > 63:
        return "a label of the domain is longer than 63 characters"
    if label[0] == "-" or label[-1] == "-":
        return "a label of the domain begins or ends with a hyphen"
    return "the domain has a character that is not allowed"
