"""Whose address is this? Mailboxes and lists of them, read strictly for decisions and leniently for display.

Standards: RFC 5321 §4.1.2 and §4.5.3.1 (envelope), RFC 5322 §3.4 and §4.4 (header), RFC 6531/6532 (UTF-8),
RFC 5890-5892 (IDNA 2008).
Pure, linear, bounded. `parse_mailbox` and `parse_envelope_address` refuse with `InvalidAddress`; `parse_address_list`
never raises, reports defects, and says in `sound` whether all readers will agree on what it found (CVE-2023-27043).
Encoded words are decoded in display names only, never in an address.
Not here: writing them into a header field (compose.py).
"""

from mailwright.mail.address.lists import parse_address_list
from mailwright.mail.address.model import Address, AddressDefect, AddressList, Group, InvalidAddress, domain_to_ascii
from mailwright.mail.address.strict import (
    MAX_ADDRESS,
    MAX_LOCAL_PART,
    parse_envelope_address,
    parse_mailbox,
    valid_domain,
)

__all__ = [
    "MAX_ADDRESS",
    "MAX_LOCAL_PART",
    "Address",
    "AddressDefect",
    "AddressList",
    "Group",
    "InvalidAddress",
    "domain_to_ascii",
    "parse_address_list",
    "parse_envelope_address",
    "parse_mailbox",
    "valid_domain",
]
